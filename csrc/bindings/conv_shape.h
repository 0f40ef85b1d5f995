// The list of numbers that a convolution's shape comes as.
#pragma once

#include <cstddef>
#include <vector>

#include "convolution.h"

namespace fastrnn::bindings {

// batch, channels, filters, groups; then in, out, kernel, stride, dilation, before, three each.
inline ConvShape conv_shape(const std::vector<int>& numbers) {
  ConvShape s{};
  s.batch = numbers.at(0);
  s.channels = numbers.at(1);
  s.filters = numbers.at(2);
  s.groups = numbers.at(3);
  int* const triples[] = {s.in, s.out, s.kernel, s.stride, s.dilation, s.before};
  std::size_t next = 4;
  for (int* triple : triples) {
    for (int i = 0; i < 3; ++i) triple[i] = numbers.at(next++);
  }
  return s;
}

}  // namespace fastrnn::bindings
