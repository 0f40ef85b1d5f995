#include "cpu/buffer.h"

#include <cstdlib>
#include <new>

namespace fastrnn {

Buffer::Buffer(std::size_t bytes) {
  // One line more than asked for: vectors may be read past the last element, never used.
  const std::size_t rounded = (bytes + 63) / 64 * 64 + 64;
  if (rounded < bytes) throw std::bad_alloc();
  data_ = std::aligned_alloc(64, rounded);
  if (data_ == nullptr) throw std::bad_alloc();
}

Buffer::~Buffer() { std::free(data_); }

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    std::free(data_);
    data_ = other.data_;
    other.data_ = nullptr;
  }
  return *this;
}

}  // namespace fastrnn
