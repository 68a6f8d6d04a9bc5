#ifndef FERD_ACTIVATION_KERNELS_H
#define FERD_ACTIVATION_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// target[i] = source[i] / (1 + exp(-source[i])), to a relative error of 1e-6 + 1e-7 * abs(source[i]); below
/// -87, where that is next to nothing, it is source[i] * 2^-126. `target` may be `source`, but not overlap it otherwise.
void ferd_swish_f32(const float *source, float *target, size_t count);

/// source_gradient[i] = result_gradient[i] times the slope of the swish at source[i], which is at most 1.1, to an absolute
/// error of 1e-6 of the factor. `source_gradient` may be `result_gradient`.
void ferd_swish_gradient_f32(
    const float *source, const float *result_gradient, float *source_gradient, size_t count);

/// True where the processor rounds to bf16 by itself, which the next two need.
bool ferd_has_bf16_kernels(void);

/// The same for bf16 values, to a relative error of 1e-4 before the result is rounded.
void ferd_swish_bf16(const uint16_t *source, uint16_t *target, size_t count);
/// Likewise, to an absolute error of 1e-3 of the factor before the result is rounded.
void ferd_swish_gradient_bf16(
    const uint16_t *source, const uint16_t *result_gradient, uint16_t *source_gradient, size_t count);

#endif
