#include "tensor_kernels.h"

#include <math.h>
#include <string.h>

#include "multiversion.h"

MULTIVERSION void ferd_add(const float *restrict source, float *restrict target, size_t count) {
  for (size_t i = 0; i < count; i++) target[i] += source[i];
}

// SplitMix64's finaliser: element i of the stream that `seed` names, without running through those before.
static inline uint32_t draw(uint64_t seed, size_t i) {
  uint64_t z = seed + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (uint32_t)(z >> 32);
}

void ferd_dropout_f32(
    const float *source, float *target, size_t count, uint64_t seed, uint32_t threshold, float scale) {
  for (size_t i = 0; i < count; i++) target[i] = draw(seed, i) >= threshold ? source[i] * scale : 0;
}

static inline float from_bf16(uint16_t bits) {
  uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, 4);
  return value;
}

static inline uint16_t to_bf16(float value) {
  uint32_t wide;
  memcpy(&wide, &value, 4);
  // Round to nearest, ties to even.
  return (uint16_t)((wide + 0x7FFF + ((wide >> 16) & 1)) >> 16);
}

void ferd_dropout_bf16(
    const uint16_t *source, uint16_t *target, size_t count, uint64_t seed, uint32_t threshold, float scale) {
  for (size_t i = 0; i < count; i++) {
    target[i] = draw(seed, i) >= threshold ? to_bf16(from_bf16(source[i]) * scale) : 0;
  }
}

MULTIVERSION void ferd_drop_rows_f32(
    const float *source, float *target, size_t rows, size_t length, uint64_t seed, uint32_t threshold, float scale) {
  for (size_t row = 0; row < rows; row++, source += length, target += length) {
    if (draw(seed, row) < threshold) {
      memset(target, 0, length * sizeof *target);
    } else {
      for (size_t i = 0; i < length; i++) target[i] = source[i] * scale;
    }
  }
}

MULTIVERSION void ferd_drop_rows_bf16(
    const uint16_t *source, uint16_t *target, size_t rows, size_t length, uint64_t seed, uint32_t threshold,
    float scale) {
  for (size_t row = 0; row < rows; row++, source += length, target += length) {
    if (draw(seed, row) < threshold) {
      memset(target, 0, length * sizeof *target);
    } else {
      for (size_t i = 0; i < length; i++) target[i] = to_bf16(from_bf16(source[i]) * scale);
    }
  }
}

MULTIVERSION void ferd_sgd(
    float *restrict values, const float *restrict gradients, float *restrict velocity, size_t count,
    float learning_rate, float momentum, float weight_decay) {
  for (size_t i = 0; i < count; i++) {
    float gradient = gradients[i] + weight_decay * values[i];
    velocity[i] = momentum * velocity[i] + gradient;
    values[i] -= learning_rate * (gradient + momentum * velocity[i]);
  }
}

MULTIVERSION void ferd_adamw(
    float *restrict values, const float *restrict gradients, float *restrict mean, float *restrict square,
    size_t count, float learning_rate, float beta1, float beta2, float epsilon, float weight_decay, float correction1,
    float correction2) {
  for (size_t i = 0; i < count; i++) {
    values[i] -= learning_rate * weight_decay * values[i];
    mean[i] = beta1 * mean[i] + (1 - beta1) * gradients[i];
    square[i] = beta2 * square[i] + (1 - beta2) * gradients[i] * gradients[i];
    values[i] -= learning_rate / correction1 * mean[i] / (sqrtf(square[i] / correction2) + epsilon);
  }
}

MULTIVERSION void ferd_average(float *restrict average, const float *restrict values, size_t count, float share) {
  for (size_t i = 0; i < count; i++) average[i] += share * (values[i] - average[i]);
}

MULTIVERSION double ferd_square_sum(const float *values, size_t count) {
  double sums[16] = {0};
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    for (size_t j = 0; j < 16; j++) sums[j] += (double)values[i + j] * (double)values[i + j];
  }
  for (; i < count; i++) sums[0] += (double)values[i] * (double)values[i];
  double total = 0;
  for (size_t j = 0; j < 16; j++) total += sums[j];
  return total;
}

MULTIVERSION void ferd_scale(float *values, size_t count, float factor) {
  for (size_t i = 0; i < count; i++) values[i] *= factor;
}
