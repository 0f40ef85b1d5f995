"""Layers on images, sequences and volumes: how each is made, its input, its output's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Shape = tuple[int, ...]

SEQUENCE, IMAGE, VOLUME = (11, 4), (9, 8, 4), (6, 9, 8, 4)


class Case(NamedTuple):
    """A layer from a namespace, which is fastrnn.layers or keras.layers."""

    make: Callable[[Any], Any]
    shape: Shape
    output: Shape


CONVOLUTIONS: dict[str, Case] = {
    "conv1d": Case(lambda k: k.Conv1D(3, 4), SEQUENCE, (8, 3)),
    "conv1d_causal": Case(
        lambda k: k.Conv1D(3, 2, padding="causal", dilation_rate=3), SEQUENCE, (11, 3)
    ),
    "conv1d_causal_strides": Case(
        lambda k: k.Conv1D(3, 4, 3, "causal", activation="relu"), SEQUENCE, (4, 3)
    ),
    "conv1d_same": Case(lambda k: k.Conv1D(3, 4, 2, "SAME"), SEQUENCE, (6, 3)),
    "conv2d": Case(lambda k: k.Conv2D(5, (3, 2)), IMAGE, (7, 7, 5)),
    "conv2d_relu": Case(lambda k: k.Conv2D(5, 3, activation="relu"), IMAGE, (7, 6, 5)),
    "conv2d_same": Case(lambda k: k.Conv2D(5, (4, 3), padding="same"), IMAGE, (9, 8, 5)),
    "conv2d_strides": Case(
        lambda k: k.Conv2D(5, 3, (2, 3), "same", activation="tanh"), IMAGE, (5, 3, 5)
    ),
    "conv2d_dilated": Case(
        lambda k: k.Conv2D(5, 3, dilation_rate=(2, 1), use_bias=False), IMAGE, (5, 6, 5)
    ),
    "conv2d_groups": Case(lambda k: k.Conv2D(6, 3, groups=2), IMAGE, (7, 6, 6)),
    "conv2d_gelu": Case(lambda k: k.Conv2D(5, 3, activation="gelu"), IMAGE, (7, 6, 5)),
    "conv2d_one_pixel": Case(lambda k: k.Conv2D(5, 1, 2), IMAGE, (5, 4, 5)),
    "conv3d": Case(lambda k: k.Conv3D(3, (2, 3, 4)), VOLUME, (5, 7, 5, 3)),
    "conv3d_same": Case(
        lambda k: k.Conv3D(3, 3, (1, 2, 2), "same", activation="sigmoid"), VOLUME, (6, 5, 4, 3)
    ),
    "conv1d_transpose": Case(lambda k: k.Conv1DTranspose(3, 4, 3), SEQUENCE, (34, 3)),
    "conv2d_transpose": Case(lambda k: k.Conv2DTranspose(3, (3, 2), 2), IMAGE, (19, 16, 3)),
    "conv2d_transpose_same": Case(
        lambda k: k.Conv2DTranspose(3, (4, 3), (2, 3), "same", activation="relu"),
        IMAGE,
        (18, 24, 3),
    ),
    "conv2d_transpose_small_window": Case(
        lambda k: k.Conv2DTranspose(3, 2, 3, use_bias=False), IMAGE, (27, 24, 3)
    ),
    "conv2d_transpose_padded": Case(
        lambda k: k.Conv2DTranspose(3, 3, 2, "same", 1), IMAGE, (18, 16, 3)
    ),
    "conv2d_transpose_dilated": Case(
        lambda k: k.Conv2DTranspose(3, 3, dilation_rate=2), IMAGE, (13, 12, 3)
    ),
    "conv3d_transpose": Case(lambda k: k.Conv3DTranspose(2, 2, 2), VOLUME, (12, 18, 16, 2)),
    "depthwise_conv1d": Case(lambda k: k.DepthwiseConv1D(3, depth_multiplier=2), SEQUENCE, (9, 8)),
    "depthwise_conv2d": Case(
        lambda k: k.DepthwiseConv2D((3, 2), 2, "same", 3, activation="relu"), IMAGE, (5, 4, 12)
    ),
    "depthwise_conv2d_dilated": Case(
        lambda k: k.DepthwiseConv2D(3, dilation_rate=2, use_bias=False), IMAGE, (5, 4, 4)
    ),
    "separable_conv1d": Case(lambda k: k.SeparableConv1D(3, 4, activation="elu"), SEQUENCE, (8, 3)),
    "separable_conv2d": Case(
        lambda k: k.SeparableConv2D(5, 3, 2, "same", depth_multiplier=2), IMAGE, (5, 4, 5)
    ),
    "separable_conv2d_no_bias": Case(
        lambda k: k.SeparableConv2D(5, (2, 3), use_bias=False, activation="silu"), IMAGE, (8, 6, 5)
    ),
}
POOLINGS: dict[str, Case] = {
    "max1d": Case(lambda k: k.MaxPooling1D(3, 2), SEQUENCE, (5, 4)),
    "max2d": Case(lambda k: k.MaxPooling2D(), IMAGE, (4, 4, 4)),
    "max2d_same": Case(lambda k: k.MaxPool2D((3, 2), (2, 1), "same"), IMAGE, (5, 8, 4)),
    "max3d": Case(lambda k: k.MaxPooling3D((2, 3, 2)), VOLUME, (3, 3, 4, 4)),
    "average1d": Case(lambda k: k.AveragePooling1D(3), SEQUENCE, (3, 4)),
    "average2d": Case(lambda k: k.AveragePooling2D((2, 3)), IMAGE, (4, 2, 4)),
    "average2d_same": Case(lambda k: k.AvgPool2D(3, 2, "same"), IMAGE, (5, 4, 4)),
    "average3d": Case(lambda k: k.AveragePooling3D(2, 1, "same"), VOLUME, (6, 9, 8, 4)),
    "global_average1d": Case(lambda k: k.GlobalAveragePooling1D(), SEQUENCE, (4,)),
    "global_average2d": Case(lambda k: k.GlobalAveragePooling2D(), IMAGE, (4,)),
    "global_average3d": Case(lambda k: k.GlobalAvgPool3D(keepdims=True), VOLUME, (1, 1, 1, 4)),
    "global_max1d": Case(lambda k: k.GlobalMaxPooling1D(keepdims=True), SEQUENCE, (1, 4)),
    "global_max2d": Case(lambda k: k.GlobalMaxPool2D(), IMAGE, (4,)),
    "global_max3d": Case(lambda k: k.GlobalMaxPooling3D(), VOLUME, (4,)),
}
RESHAPED: dict[str, Case] = {
    "up_sampling1d": Case(lambda k: k.UpSampling1D(3), SEQUENCE, (33, 4)),
    "up_sampling2d": Case(lambda k: k.UpSampling2D((2, 3)), IMAGE, (18, 24, 4)),
    "up_sampling2d_bilinear": Case(
        lambda k: k.UpSampling2D((2, 3), interpolation="bilinear"), IMAGE, (18, 24, 4)
    ),
    "up_sampling3d": Case(lambda k: k.UpSampling3D((1, 2, 3)), VOLUME, (6, 18, 24, 4)),
    "zero_padding1d": Case(lambda k: k.ZeroPadding1D((2, 0)), SEQUENCE, (13, 4)),
    "zero_padding2d": Case(lambda k: k.ZeroPadding2D(((1, 0), (2, 3))), IMAGE, (10, 13, 4)),
    "zero_padding2d_each": Case(lambda k: k.ZeroPadding2D((1, 2)), IMAGE, (11, 12, 4)),
    "zero_padding3d": Case(lambda k: k.ZeroPadding3D(1), VOLUME, (8, 11, 10, 4)),
    "cropping1d": Case(lambda k: k.Cropping1D((0, 3)), SEQUENCE, (8, 4)),
    "cropping2d": Case(lambda k: k.Cropping2D(((1, 0), (2, 3))), IMAGE, (8, 3, 4)),
    "cropping2d_none": Case(lambda k: k.Cropping2D(), IMAGE, (9, 8, 4)),
    "cropping3d": Case(lambda k: k.Cropping3D((1, 0, 2)), VOLUME, (4, 9, 4, 4)),
    "permute": Case(lambda k: k.Permute((3, 1, 2)), IMAGE, (4, 9, 8)),
    "repeat_vector": Case(lambda k: k.RepeatVector(3), (5,), (3, 5)),
}
ELEMENTWISE: dict[str, Case] = {
    "relu": Case(lambda k: k.ReLU(), IMAGE, IMAGE),
    "relu6": Case(lambda k: k.ReLU(6), IMAGE, IMAGE),
    "relu_all": Case(lambda k: k.ReLU(1.5, 0.2, 0.3), IMAGE, IMAGE),
    "leaky_relu": Case(lambda k: k.LeakyReLU(), IMAGE, IMAGE),
    "p_re_lu": Case(lambda k: k.PReLU(), IMAGE, IMAGE),
    "p_re_lu_shared": Case(lambda k: k.PReLU(shared_axes=[1, 2]), IMAGE, IMAGE),
    "p_re_lu_channels_shared": Case(lambda k: k.PReLU(shared_axes=[3]), IMAGE, IMAGE),
    "elu": Case(lambda k: k.ELU(), IMAGE, IMAGE),
    "elu_scaled": Case(lambda k: k.ELU(0.7), IMAGE, IMAGE),
    "softmax": Case(lambda k: k.Softmax(), SEQUENCE, SEQUENCE),
    "softmax_steps": Case(lambda k: k.Softmax(axis=1), SEQUENCE, SEQUENCE),
    "gaussian_noise_none": Case(lambda k: k.GaussianNoise(0.0), IMAGE, IMAGE),
    "rescaling": Case(lambda k: k.Rescaling(1 / 127.5, -1), IMAGE, IMAGE),
    "rescaling_channels": Case(
        lambda k: k.Rescaling([0.5, 2.0, 3.0, 0.1], [[[1, 0, -1, 4]]]), IMAGE, IMAGE
    ),
    "spatial_dropout1d_none": Case(lambda k: k.SpatialDropout1D(0.0), SEQUENCE, SEQUENCE),
    "spatial_dropout2d_none": Case(lambda k: k.SpatialDropout2D(0.0), IMAGE, IMAGE),
    "spatial_dropout3d_none": Case(lambda k: k.SpatialDropout3D(0.0), VOLUME, VOLUME),
}
NORMALIZATIONS: dict[str, Case] = {
    "batch": Case(lambda k: k.BatchNormalization(), IMAGE, IMAGE),
    "batch_plain": Case(
        lambda k: k.BatchNormalization(momentum=0.8, epsilon=0.1, center=False, scale=False),
        SEQUENCE,
        SEQUENCE,
    ),
    "batch_axis": Case(lambda k: k.BatchNormalization(axis=3, center=False), IMAGE, IMAGE),
    "batch_vectors": Case(lambda k: k.BatchNormalization(scale=False), (6,), (6,)),
    "layer": Case(lambda k: k.LayerNormalization(), SEQUENCE, SEQUENCE),
    "layer_axes": Case(lambda k: k.LayerNormalization(axis=[1, 2, 3]), IMAGE, IMAGE),
    "layer_plain": Case(
        lambda k: k.LayerNormalization(epsilon=0.1, center=False, scale=False), IMAGE, IMAGE
    ),
}
CASES = CONVOLUTIONS | POOLINGS | RESHAPED | ELEMENTWISE | NORMALIZATIONS
