#ifndef FERD_TENSOR_KERNELS_H
#define FERD_TENSOR_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/// target[i] += source[i]
void ferd_add(const float *source, float *target, size_t count);

/// target[i] = keep(seed, i) ? source[i] * scale : 0, each kept with probability 1 - threshold / 2^32.
void ferd_dropout_f32(const float *source, float *target, size_t count, uint64_t seed, uint32_t threshold, float scale);
/// The same for bf16 values.
void ferd_dropout_bf16(
    const uint16_t *source, uint16_t *target, size_t count, uint64_t seed, uint32_t threshold, float scale);

/// `rows` rows of `length` values: target = keep(seed, row) ? source * scale : 0, each row kept with probability
/// 1 - threshold / 2^32.
void ferd_drop_rows_f32(
    const float *source, float *target, size_t rows, size_t length, uint64_t seed, uint32_t threshold, float scale);
/// The same for bf16 values.
void ferd_drop_rows_bf16(
    const uint16_t *source, uint16_t *target, size_t rows, size_t length, uint64_t seed, uint32_t threshold,
    float scale);

/// One step of stochastic gradient descent with Nesterov momentum, as torch.optim.SGD(nesterov=True).
void ferd_sgd(
    float *values, const float *gradients, float *velocity, size_t count, float learning_rate, float momentum,
    float weight_decay);

/// One step of torch.optim.AdamW; the corrections are 1 - beta^step.
void ferd_adamw(
    float *values, const float *gradients, float *mean, float *square, size_t count, float learning_rate, float beta1,
    float beta2, float epsilon, float weight_decay, float correction1, float correction2);

/// average[i] += share * (values[i] - average[i])
void ferd_average(float *average, const float *values, size_t count, float share);

/// Sum of squares, in double.
double ferd_square_sum(const float *values, size_t count);

/// values[i] *= factor
void ferd_scale(float *values, size_t count, float factor);

#endif
