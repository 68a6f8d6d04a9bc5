#ifndef FERD_CONVOLUTION_KERNELS_H
#define FERD_CONVOLUTION_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/// Sizes of a depthwise convolution without holes. Kernels are at most 7 wide and 7 high.
struct ferd_depthwise {
  long batch, channels;
  long source_height, source_width;
  long result_height, result_width;
  long kernel_height, kernel_width;
  long stride_height, stride_width;
  /// Zeros above and to the left.
  long padding_height, padding_width;
};

/// Adds the gradient of a depthwise convolution's weights, `[channels, 1, kernel_height, kernel_width]`, to `weights`.
///
/// `source` and `result_gradient` are in blocks of 16 channels (oneDNN's nChw16c); what fills up the last block does not
/// count.
void ferd_depthwise_weights_f32(
    const struct ferd_depthwise *sizes, const float *source, const float *result_gradient, float *weights);

/// The same for bf16 values; `scratch` holds 16 * (source_height * source_width + result_height * result_width) values.
void ferd_depthwise_weights_bf16(
    const struct ferd_depthwise *sizes, const uint16_t *source, const uint16_t *result_gradient, float *weights,
    float *scratch);

#endif
