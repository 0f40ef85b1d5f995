// Convolution with 3x3 kernels at stride 1 by Winograd's F(2x2, 3x3): Lavin and Gray, "Fast
// algorithms for convolutional neural networks", 2016. A tile of 2x2 outputs takes 16
// multiplications a channel and filter in place of 36, for some additions before and after.
#pragma once

#include "cpu/images.h"

FASTRNN_ISA_BEGIN

// Whether it can do the convolution and is faster than the direct one. For the input gradient the
// output is x, of size s.in, and the filters are what is read.
bool winograd_pays(const ConvShape& s, const int* out, int source_channels, int out_channels);
bool winograd_gradient_pays(const ConvShape& s);

// before: zeros in front of the source's rows and columns. kernel (3, 3, channels, filters); in the
// input gradient, `transpose`, the source has the filters and the taps run backwards.
template <class T>
void winograd(const Images<T>& images, const int* before, const T* kernel, bool transpose,
              int threads);

template <class T>
void winograd_gradient(const ConvWeights<T>& args, int threads);

FASTRNN_ISA_END
