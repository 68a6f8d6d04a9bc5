#ifndef FERD_AMX_KERNELS_H
#define FERD_AMX_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Sizes of a convolution in bf16 with square kernel, stride, and border of zeros.
///
/// Both numbers of channels are multiples of 32; the kernel is odd and at most 7, the border half of it, the stride 1 or 2; a
/// result begins wherever a stride does in the source. Values are in the order of pixels, a pixel's channels next to each other
/// (oneDNN's nhwc).
struct ferd_amx {
  long batch, source_channels, result_channels;
  long source_height, source_width, result_height, result_width;
  long kernel, stride, padding;
};

/// What becomes of a result before it is stored, in this order.
struct ferd_amx_epilogue {
  /// `[result_channels]`, or null.
  const float *bias;
  /// Whether it is added to what the target holds.
  bool adds;
  /// Whether values below 0 become 0.
  bool rectifies;
};

/// True where the processor multiplies matrices of bf16 (Intel's AMX) and the kernel lets this process do so, for which the
/// first call asks it.
bool ferd_has_amx_kernels(void);

/// How many values ordered weights take.
size_t ferd_amx_weights_count(const struct ferd_amx *sizes);

/// Orders dense weights `[result_channels, source_channels, kernel, kernel]` for `ferd_amx_convolve`, or, with
/// `is_mirrored`, for `ferd_amx_convolve_back`.
void ferd_amx_weights(const struct ferd_amx *sizes, const float *weights, bool is_mirrored, uint16_t *ordered);

/// How many bytes of scratch memory each thread needs, of both directions. Scratch memory lies at multiples of 64 bytes.
size_t ferd_amx_scratch_size(const struct ferd_amx *sizes);

/// The part of a convolution that is this thread's of `threads`. Results do not depend on their number.
void ferd_amx_convolve(
    const struct ferd_amx *sizes, const uint16_t *source, const uint16_t *ordered,
    const struct ferd_amx_epilogue *epilogue, uint16_t *target, void *scratch, long thread, long threads);

/// From the gradient of the result that of the source, likewise.
void ferd_amx_convolve_back(
    const struct ferd_amx *sizes, const uint16_t *result_gradient, const uint16_t *ordered, uint16_t *source_gradient,
    void *scratch, long thread, long threads);

/// How many bytes of scratch memory all threads together need for `ferd_amx_add_weights_gradient`.
size_t ferd_amx_gradient_scratch_size(const struct ferd_amx *sizes, long threads);

/// Adds the gradient of the dense weights to `weights`: this thread's part of `threads`. `scratch` is the same for all.
void ferd_amx_add_weights_gradient(
    const struct ferd_amx *sizes, const uint16_t *source, const uint16_t *result_gradient, float *weights,
    void *scratch, long thread, long threads);

#endif
