#include "bias_kernels.h"

#include <math.h>
#include <string.h>

#include "multiversion.h"

// Pictures of one block stay in the first cache while all sets of factors pass over them.
enum { BLOCK = 256 };

/* ---- Confusion ---- */

// With a constant number of classes the loops over them unroll, and the loop over the pictures becomes vectors.
static inline __attribute__((always_inline)) void count_block(
    const float *columns, size_t stride, size_t count, const int classes, const float *factors, int32_t *called) {
  int32_t counts[16] = {0};
  for (size_t i = 0; i < count; i++) {
    float highest = columns[i] * factors[0];
    int32_t best = 0;
    for (int c = 1; c < classes; c++) {
      float score = columns[(size_t)c * stride + i] * factors[c];
      best = score > highest ? c : best;
      highest = score > highest ? score : highest;
    }
    for (int c = 0; c < classes - 1; c++) counts[c] += best == c;
  }
  int32_t rest = (int32_t)count;
  for (int c = 0; c < classes - 1; c++) {
    called[c] += counts[c];
    rest -= counts[c];
  }
  called[classes - 1] += rest;
}

static void count_block_plainly(
    const float *columns, size_t stride, size_t count, int classes, const float *factors, int32_t *called) {
  for (size_t i = 0; i < count; i++) {
    float highest = columns[i] * factors[0];
    int best = 0;
    for (int c = 1; c < classes; c++) {
      float score = columns[(size_t)c * stride + i] * factors[c];
      if (score > highest) {
        highest = score;
        best = c;
      }
    }
    called[best]++;
  }
}

MULTIVERSION void ferd_bias_confusion(
    const float *columns, size_t stride, const size_t *groups, int group_count, int classes, const float *factors,
    size_t sets, int32_t *confusion) {
  size_t step = (size_t)group_count * (size_t)classes;
  memset(confusion, 0, sets * step * sizeof *confusion);
  for (int group = 0; group < group_count; group++) {
    for (size_t start = groups[group]; start < groups[group + 1]; start += BLOCK) {
      size_t count = groups[group + 1] - start < BLOCK ? groups[group + 1] - start : BLOCK;
      const float *block = columns + start;
      for (size_t set = 0; set < sets; set++) {
        const float *b = factors + set * (size_t)classes;
        int32_t *called = confusion + set * step + (size_t)group * (size_t)classes;
        switch (classes) {
          case 2: count_block(block, stride, count, 2, b, called); break;
          case 3: count_block(block, stride, count, 3, b, called); break;
          case 4: count_block(block, stride, count, 4, b, called); break;
          case 5: count_block(block, stride, count, 5, b, called); break;
          case 6: count_block(block, stride, count, 6, b, called); break;
          case 7: count_block(block, stride, count, 7, b, called); break;
          case 8: count_block(block, stride, count, 8, b, called); break;
          default: count_block_plainly(block, stride, count, classes, b, called);
        }
      }
    }
  }
}

/* ---- Likelihood ---- */

// e^x for x <= 0 or little more, within 3e-7 of it: 2^n * 2^f with a polynomial for |f| <= 1/2 (the series of
// e^(f ln 2)). Below -87 the result is no longer a normal number: 0.
static inline float exponential(float x) {
  float scaled = x * 1.44269504f;
  scaled = scaled < -126 ? -126 : (scaled > 126 ? 126 : scaled);
  float whole = rintf(scaled);
  float f = (scaled - whole) * 0.693147181f;
  float value = 1 + f * (1 + f * (0.5f + f * (0.166666667f + f * (0.0416666667f + f * (8.33333333e-3f
      + f * 1.38888889e-3f)))));
  union {
    int32_t bits;
    float value;
  } power = {.bits = ((int32_t)whole + 127) << 23};
  return x < -87 ? 0 : value * power.value;
}

// ln x for a normal x > 0, within 2e-7 of it or of 1: x = 2^n * m with m around 1, and the series of
// artanh((m - 1) / (m + 1)), which has |z| <= 0.172.
static inline float logarithm(float x) {
  union {
    float value;
    int32_t bits;
  } number = {.value = x};
  // 0x3f3504f3 is the square root of a half: m lies between it and its double.
  int32_t exponent = (number.bits - 0x3f3504f3) >> 23;
  union {
    int32_t bits;
    float value;
  } mantissa = {.bits = number.bits - exponent * (1 << 23)};
  float z = (mantissa.value - 1) / (mantissa.value + 1), square = z * z;
  float series = 1 + square * (0.333333333f + square * (0.2f + square * (0.142857143f + square * 0.111111111f)));
  return (float)exponent * 0.693147181f + 2 * z * series;
}

MULTIVERSION void ferd_bias_likelihood(
    const float *logarithms, size_t stride, const size_t *groups, int group_count, int classes,
    const float *log_factors, const float *powers, size_t sets, double *sums) {
  const float largest = 27.6310211f;  // -ln 1e-12
  float highest[BLOCK], total[BLOCK];
  for (size_t set = 0; set < sets; set++) sums[set] = 0;
  for (int group = 0; group < group_count; group++) {
    for (size_t start = groups[group]; start < groups[group + 1]; start += BLOCK) {
      size_t count = groups[group + 1] - start < BLOCK ? groups[group + 1] - start : BLOCK;
      for (size_t set = 0; set < sets; set++) {
        const float *x = log_factors + set * (size_t)classes;
        float power = powers[set];
        const float *column = logarithms + start;
        for (size_t i = 0; i < count; i++) {
          highest[i] = column[i] * power + x[0];
          total[i] = 0;
        }
        for (int c = 1; c < classes; c++) {
          column = logarithms + (size_t)c * stride + start;
          for (size_t i = 0; i < count; i++) {
            float score = column[i] * power + x[c];
            highest[i] = score > highest[i] ? score : highest[i];
          }
        }
        for (int c = 0; c < classes; c++) {
          column = logarithms + (size_t)c * stride + start;
          for (size_t i = 0; i < count; i++) total[i] += exponential(column[i] * power + x[c] - highest[i]);
        }
        column = logarithms + (size_t)group * stride + start;
        for (size_t i = 0; i < count; i++) {
          float loss = logarithm(total[i]) + highest[i] - (column[i] * power + x[group]);
          total[i] = loss > largest ? largest : loss;
        }
        double sum = 0;
        for (size_t i = 0; i < count; i++) sum += (double)total[i];
        sums[set] += sum;
      }
    }
  }
}

/* ---- Mixture ---- */

MULTIVERSION void ferd_bias_mixture(
    const float *centres, const float *inverse_widths, const float *log_weights, size_t stride, size_t count,
    int dimensions, const float *points, size_t point_count, float *scratch, float *densities) {
  for (size_t p = 0; p < point_count; p++) {
    const float *x = points + p * (size_t)dimensions;
    for (size_t k = 0; k < count; k++) scratch[k] = 0;
    for (int d = 0; d < dimensions; d++) {
      const float *centre = centres + (size_t)d * stride, *inverse = inverse_widths + (size_t)d * stride;
      float coordinate = x[d];
      for (size_t k = 0; k < count; k++) {
        float distance = (coordinate - centre[k]) * inverse[k];
        scratch[k] += distance * distance;
      }
    }
    float highest = -INFINITY;
    for (size_t k = 0; k < count; k++) {
      float value = log_weights[k] - 0.5f * scratch[k];
      scratch[k] = value;
      highest = value > highest ? value : highest;
    }
    // Sixteen sums side by side: one alone could not be vectorised without changing the order of the additions.
    float sums[16] = {0};
    size_t k = 0;
    for (; k + 16 <= count; k += 16) {
      for (size_t lane = 0; lane < 16; lane++) sums[lane] += exponential(scratch[k + lane] - highest);
    }
    for (; k < count; k++) sums[k % 16] += exponential(scratch[k] - highest);
    float sum = 0;
    for (int lane = 0; lane < 16; lane++) sum += sums[lane];
    densities[p] = highest + logf(sum);
  }
}

/* ---- Bootstrap ---- */

void ferd_bias_bootstrap(
    const int32_t *kinds, const double *values, size_t count, size_t kind_count, size_t resamples, uint64_t seed,
    int32_t *counts, double *sums) {
  memset(counts, 0, resamples * kind_count * sizeof *counts);
  uint64_t state = seed;
  for (size_t resample = 0; resample < resamples; resample++) {
    int32_t *drawn = counts + resample * kind_count;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
      // SplitMix64; its upper bits times the number of pictures, as in Lemire, "Fast random integer generation in an
      // interval" (2019). The bias of at most count / 2^64 is nothing.
      state += 0x9E3779B97F4A7C15u;
      uint64_t z = state;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      z ^= z >> 31;
      size_t picture = (size_t)(((unsigned __int128)z * count) >> 64);
      drawn[kinds[picture]]++;
      if (values) sum += values[picture];
    }
    if (values) sums[resample] = sum;
  }
}
