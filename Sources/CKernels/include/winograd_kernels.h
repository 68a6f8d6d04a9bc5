#ifndef FERD_WINOGRAD_KERNELS_H
#define FERD_WINOGRAD_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

/// Sizes of a 3x3 convolution of stride 1 with a border of one zero, so that source and result are equally large.
///
/// Source channels fill blocks of 8, result channels blocks of 16.
struct ferd_winograd {
  long batch, source_channels, result_channels;
  long height, width;
};

/// What becomes of a result before it is stored, in this order.
struct ferd_winograd_epilogue {
  /// `[result_channels]`, or null.
  const float *bias;
  /// Whether it is added to what the target holds.
  bool adds;
  /// Whether values below 0 become 0.
  bool rectifies;
};

/// True where the processor has the instructions of the kernels (AVX2 and FMA).
bool ferd_has_winograd_kernels(void);

/// How many values transformed weights take.
size_t ferd_winograd_weights_count(const struct ferd_winograd *sizes);

/// Transforms dense weights `[result_channels, source_channels, 3, 3]`.
///
/// With `is_mirrored` they are `[source_channels, result_channels, 3, 3]`, and what comes of it is the gradient of that
/// convolution's source: from the gradient of its result by these sizes.
void ferd_winograd_weights(
    const struct ferd_winograd *sizes, const float *weights, bool is_mirrored, float *transformed);

/// How many values of scratch memory each thread needs.
size_t ferd_winograd_scratch_count(const struct ferd_winograd *sizes);

/// The part of a convolution that is this thread's of `threads`. Results do not depend on their number.
///
/// `source` and `target` are in blocks of 8 channels (oneDNN's nChw8c) and, like `transformed` and `scratch`, lie at
/// multiples of 32 bytes.
void ferd_winograd_convolve(
    const struct ferd_winograd *sizes, const float *source, const float *transformed,
    const struct ferd_winograd_epilogue *epilogue, float *target, float *scratch, long thread, long threads);

/// Adds the gradient of the dense weights `[result_channels, source_channels, 3, 3]` to `weights`: this thread's part of
/// `threads`. `source` and `result_gradient` are in blocks of 8 channels.
void ferd_winograd_add_weights_gradient(
    const struct ferd_winograd *sizes, const float *source, const float *result_gradient, float *weights,
    float *scratch, long thread, long threads);

/// How many values of scratch memory each thread needs for it.
size_t ferd_winograd_gradient_scratch_count(const struct ferd_winograd *sizes);

#endif
