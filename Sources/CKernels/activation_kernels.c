#include "activation_kernels.h"

#include <immintrin.h>
#include <string.h>

#include "multiversion.h"

// oneDNN 2.6 takes three times as long for a swish after a convolution as these do for one in a pass of its own.

// exp(-x) = 2^n * 2^f with a whole n and f from -1/2 to 1/2; 2^f by the polynomial of least relative error that is 1 at 0.
static const float LOG2E_NEGATIVE = -1.44269504f;
// n keeps within what an f32 can hold; beyond, exp(-x) is nothing or all next to 1.
static const float LARGEST_EXPONENT = 126;
// Added and taken away, it rounds to whole numbers, which are then in the lowest bits.
static const float ROUNDING = 12582912;

// 1 + exp(-x)
static inline __attribute__((always_inline)) float denominator(float x) {
  float exponent = x * LOG2E_NEGATIVE;
  exponent = exponent < LARGEST_EXPONENT ? exponent : LARGEST_EXPONENT;
  exponent = exponent > -LARGEST_EXPONENT ? exponent : -LARGEST_EXPONENT;
  const float shifted = exponent + ROUNDING;
  const float f = exponent - (shifted - ROUNDING);
  float power = 1.32647203e-3f;
  power = power * f + 9.67151392e-3f;
  power = power * f + 5.55073395e-2f;
  power = power * f + 2.40222424e-1f;
  power = power * f + 6.93147004e-1f;
  power = power * f + 1;
  uint32_t bits, whole;
  memcpy(&bits, &power, sizeof bits);
  memcpy(&whole, &shifted, sizeof whole);
  bits += whole << 23;
  memcpy(&power, &bits, sizeof power);
  return 1 + power;
}

// Source and result may be the same, but lie apart otherwise.
#define IN_PLACE _Pragma("clang loop vectorize(assume_safety)")

MULTIVERSION void ferd_swish_f32(const float *source, float *target, size_t count) {
  IN_PLACE
  for (size_t i = 0; i < count; i++) target[i] = source[i] / denominator(source[i]);
}

MULTIVERSION void ferd_swish_gradient_f32(
    const float *source, const float *result_gradient, float *source_gradient, size_t count) {
  IN_PLACE
  for (size_t i = 0; i < count; i++) {
    const float sigmoid = 1 / denominator(source[i]);
    source_gradient[i] = result_gradient[i] * (sigmoid + source[i] * sigmoid * (1 - sigmoid));
  }
}

bool ferd_has_bf16_kernels(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16");
}

#define BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define INLINE_BF16 static inline BF16 __attribute__((always_inline))

// A shorter polynomial: 1e-4 is far below what bf16 tells apart.
INLINE_BF16 __m512 denominator_of_16(__m512 x) {
  const __m512 exponent = _mm512_mul_ps(x, _mm512_set1_ps(LOG2E_NEGATIVE));
  const __m512 whole = _mm512_roundscale_ps(exponent, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(exponent, whole);
  __m512 power = _mm512_fmadd_ps(f, _mm512_set1_ps(5.50088733e-2f), _mm512_set1_ps(2.42210999e-1f));
  power = _mm512_fmadd_ps(power, f, _mm512_set1_ps(6.93282962e-1f));
  power = _mm512_fmadd_ps(power, f, _mm512_set1_ps(1));
  return _mm512_add_ps(_mm512_scalef_ps(power, whole), _mm512_set1_ps(1));
}

struct pair {
  __m512 first, second;
};

INLINE_BF16 struct pair widen(__m512i values) {
  const __m512i first = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(values));
  const __m512i second = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(values, 1));
  return (struct pair){
      _mm512_castsi512_ps(_mm512_slli_epi32(first, 16)), _mm512_castsi512_ps(_mm512_slli_epi32(second, 16))};
}

INLINE_BF16 __m512i swish_of_32(__m512i values) {
  const struct pair x = widen(values);
  const __m512 first = _mm512_div_ps(x.first, denominator_of_16(x.first));
  const __m512 second = _mm512_div_ps(x.second, denominator_of_16(x.second));
  return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

BF16 void ferd_swish_bf16(const uint16_t *source, uint16_t *target, size_t count) {
  size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    _mm512_storeu_si512(target + i, swish_of_32(_mm512_loadu_si512(source + i)));
  }
  if (i < count) {
    const __mmask32 rest = (1u << (count - i)) - 1;
    _mm512_mask_storeu_epi16(target + i, rest, swish_of_32(_mm512_maskz_loadu_epi16(rest, source + i)));
  }
}

INLINE_BF16 __m512 gradient_of_16(__m512 x, __m512 gradient) {
  const __m512 one = _mm512_set1_ps(1);
  const __m512 sigmoid = _mm512_div_ps(one, denominator_of_16(x));
  const __m512 slope = _mm512_fmadd_ps(x, _mm512_fnmadd_ps(sigmoid, sigmoid, sigmoid), sigmoid);
  return _mm512_mul_ps(gradient, slope);
}

INLINE_BF16 __m512i gradient_of_32(__m512i values, __m512i gradients) {
  const struct pair x = widen(values), gradient = widen(gradients);
  return (__m512i)_mm512_cvtne2ps_pbh(
      gradient_of_16(x.second, gradient.second), gradient_of_16(x.first, gradient.first));
}

BF16 void ferd_swish_gradient_bf16(
    const uint16_t *source, const uint16_t *result_gradient, uint16_t *source_gradient, size_t count) {
  size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    _mm512_storeu_si512(
        source_gradient + i,
        gradient_of_32(_mm512_loadu_si512(source + i), _mm512_loadu_si512(result_gradient + i)));
  }
  if (i < count) {
    const __mmask32 rest = (1u << (count - i)) - 1;
    _mm512_mask_storeu_epi16(
        source_gradient + i, rest,
        gradient_of_32(
            _mm512_maskz_loadu_epi16(rest, source + i), _mm512_maskz_loadu_epi16(rest, result_gradient + i)));
  }
}
