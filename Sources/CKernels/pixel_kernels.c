#include "pixel_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define FERD_AVX2 __attribute__((target("avx2,fma")))
#endif

int ferd_pixel_best_isa(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return FERD_PIXEL_AVX2;
#endif
  return FERD_PIXEL_PORTABLE;
}

/* NaN becomes low, as with the vector instructions. */
static inline float limit(float v, float low, float high) { return v > low ? (v < high ? v : high) : low; }

/* ---- Weighted sum of rows ---- */

static void sum_rows_from(
    int x, const uint8_t *base, ptrdiff_t bytes_per_row, const float *weights, int taps, int width, float *out) {
  for (; x < width; x++) {
    float sum = 0;
    for (int t = 0; t < taps; t++) sum += weights[t] * (float)base[t * bytes_per_row + x];
    out[x] = sum;
  }
}

#if defined(__x86_64__)
FERD_AVX2 static void sum_rows_avx2(
    const uint8_t *base, ptrdiff_t bytes_per_row, const float *weights, int taps, int width, float *out) {
  int x = 0;
  for (; x + 16 <= width; x += 16) {
    __m256 low = _mm256_setzero_ps(), high = _mm256_setzero_ps();
    for (int t = 0; t < taps; t++) {
      const uint8_t *row = base + t * bytes_per_row + x;
      __m256 weight = _mm256_set1_ps(weights[t]);
      __m256 a = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)row)));
      __m256 b = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(row + 8))));
      low = _mm256_fmadd_ps(a, weight, low);
      high = _mm256_fmadd_ps(b, weight, high);
    }
    _mm256_storeu_ps(out + x, low);
    _mm256_storeu_ps(out + x + 8, high);
  }
  sum_rows_from(x, base, bytes_per_row, weights, taps, width, out);
}
#endif

void ferd_pixel_sum_rows(
    int isa, const uint8_t *base, ptrdiff_t bytes_per_row, const float *weights, int taps, int width, float *out) {
#if defined(__x86_64__)
  if (isa == FERD_PIXEL_AVX2) {
    sum_rows_avx2(base, bytes_per_row, weights, taps, width, out);
    return;
  }
#endif
  sum_rows_from(0, base, bytes_per_row, weights, taps, width, out);
}

/* ---- Filtering of one row with a few taps per result ---- */

static void filter_row_from(
    int i, const float *row, const int32_t *starts, const float *weights, int taps, int count, float scale,
    float offset, float low, float high, float *out) {
  for (; i < count; i++) {
    const float *source = row + starts[i], *weight = weights + (ptrdiff_t)i * taps;
    float sum = 0;
    for (int t = 0; t < taps; t++) sum += weight[t] * source[t];
    out[i] = limit(scale * sum + offset, low, high);
  }
}

#if defined(__x86_64__)
/* Four taps of result i in the lower half of a vector and of result i + 4 in the upper one: three horizontal additions
   then leave eight results in order. */
FERD_AVX2 static inline __m256 load_pair(const float *a, const float *b) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(a)), _mm_loadu_ps(b), 1);
}

FERD_AVX2 static void filter_row_avx2(
    const float *row, const int32_t *starts, const float *weights, int taps, int count, float scale, float offset,
    float low, float high, float *out) {
  const __m256 vscale = _mm256_set1_ps(scale), voffset = _mm256_set1_ps(offset);
  const __m256 vlow = _mm256_set1_ps(low), vhigh = _mm256_set1_ps(high);
  int i = 0;
  for (; i + 8 <= count; i += 8) {
    __m256 sums[4];
    for (int k = 0; k < 4; k++) {
      const float *sa = row + starts[i + k], *sb = row + starts[i + k + 4];
      const float *wa = weights + (ptrdiff_t)(i + k) * taps, *wb = weights + (ptrdiff_t)(i + k + 4) * taps;
      __m256 sum = _mm256_mul_ps(load_pair(sa, sb), load_pair(wa, wb));
      for (int t = 4; t < taps; t += 4) sum = _mm256_fmadd_ps(load_pair(sa + t, sb + t), load_pair(wa + t, wb + t), sum);
      sums[k] = sum;
    }
    __m256 total = _mm256_hadd_ps(_mm256_hadd_ps(sums[0], sums[1]), _mm256_hadd_ps(sums[2], sums[3]));
    __m256 value = _mm256_fmadd_ps(total, vscale, voffset);
    _mm256_storeu_ps(out + i, _mm256_min_ps(_mm256_max_ps(value, vlow), vhigh));
  }
  filter_row_from(i, row, starts, weights, taps, count, scale, offset, low, high, out);
}
#endif

void ferd_pixel_filter_row(
    int isa, const float *row, const int32_t *starts, const float *weights, int taps, int count, float scale,
    float offset, float low, float high, float *out) {
#if defined(__x86_64__)
  if (isa == FERD_PIXEL_AVX2) {
    filter_row_avx2(row, starts, weights, taps, count, scale, offset, low, high, out);
    return;
  }
#endif
  filter_row_from(0, row, starts, weights, taps, count, scale, offset, low, high, out);
}

/* ---- Affine warp ---- */

static inline float bilinear(
    const uint8_t *base, ptrdiff_t bytes_per_row, int width, int height, float x, float y) {
  x = limit(x, 0, (float)(width - 1));
  y = limit(y, 0, (float)(height - 1));
  int x0 = (int)x, y0 = (int)y;
  int x1 = x0 + 1 < width ? x0 + 1 : x0, y1 = y0 + 1 < height ? y0 + 1 : y0;
  float fx = x - (float)x0, fy = y - (float)y0;
  const uint8_t *top = base + y0 * bytes_per_row, *bottom = base + y1 * bytes_per_row;
  float upper = (float)top[x0] + fx * (float)(top[x1] - top[x0]);
  float lower = (float)bottom[x0] + fx * (float)(bottom[x1] - bottom[x0]);
  return upper + fy * (lower - upper);
}

static void warp_row_from(
    int i, const uint8_t *base, ptrdiff_t bytes_per_row, int width, int height, float x, float y, float ax, float ay,
    float bx, float by, int samples, int count, float scale, float offset, float low, float high, float *out) {
  float inverse = 1.0f / (float)samples, middle = 0.5f * (float)(samples - 1);
  for (; i < count; i++) {
    float sum = 0;
    for (int p = 0; p < samples; p++) {
      float v = ((float)p - middle) * inverse;
      for (int q = 0; q < samples; q++) {
        float u = (float)i + ((float)q - middle) * inverse;
        sum += bilinear(base, bytes_per_row, width, height, x + u * ax + v * bx, y + u * ay + v * by);
      }
    }
    out[i] = limit(scale * inverse * inverse * sum + offset, low, high);
  }
}

#if defined(__x86_64__)
FERD_AVX2 static void warp_row_avx2(
    const uint8_t *base, ptrdiff_t bytes_per_row, int width, int height, float x, float y, float ax, float ay,
    float bx, float by, int samples, int count, float scale, float offset, float low, float high, float *out) {
  const float inverse = 1.0f / (float)samples, middle = 0.5f * (float)(samples - 1);
  const __m256 zero = _mm256_setzero_ps();
  const __m256 right = _mm256_set1_ps((float)(width - 1)), bottom = _mm256_set1_ps((float)(height - 1));
  const __m256i last_row = _mm256_set1_epi32(height - 1), pitch = _mm256_set1_epi32((int)bytes_per_row);
  /* One gather fetches four neighbouring samples, so it starts at most four before the end of the row. */
  const __m256i last_load = _mm256_set1_epi32(width - 4), last_pair = _mm256_set1_epi32(width - 2);
  const __m256i byte = _mm256_set1_epi32(255), one = _mm256_set1_epi32(1);
  const __m256 lanes = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
  int i = 0;
  for (; i < count; i += 8) {
    __m256 index = _mm256_add_ps(_mm256_set1_ps((float)i), lanes);
    __m256 sum = zero;
    for (int p = 0; p < samples; p++) {
      float v = ((float)p - middle) * inverse;
      __m256 row_x = _mm256_set1_ps(x + v * bx), row_y = _mm256_set1_ps(y + v * by);
      for (int q = 0; q < samples; q++) {
        __m256 u = _mm256_add_ps(index, _mm256_set1_ps(((float)q - middle) * inverse));
        __m256 sx = _mm256_fmadd_ps(u, _mm256_set1_ps(ax), row_x);
        __m256 sy = _mm256_fmadd_ps(u, _mm256_set1_ps(ay), row_y);
        sx = _mm256_min_ps(_mm256_max_ps(sx, zero), right);
        sy = _mm256_min_ps(_mm256_max_ps(sy, zero), bottom);
        /* The pair (x0, x0 + 1) stays inside; at the last sample its fraction becomes 1. */
        __m256i x0 = _mm256_min_epi32(_mm256_cvttps_epi32(sx), last_pair);
        __m256i y0 = _mm256_cvttps_epi32(sy);
        __m256i y1 = _mm256_min_epi32(_mm256_add_epi32(y0, one), last_row);
        __m256 fx = _mm256_sub_ps(sx, _mm256_cvtepi32_ps(x0)), fy = _mm256_sub_ps(sy, _mm256_cvtepi32_ps(y0));
        __m256i load = _mm256_min_epi32(x0, last_load);
        __m256i shift = _mm256_slli_epi32(_mm256_sub_epi32(x0, load), 3);
        __m256i top_at = _mm256_add_epi32(_mm256_mullo_epi32(y0, pitch), load);
        __m256i bottom_at = _mm256_add_epi32(_mm256_mullo_epi32(y1, pitch), load);
        __m256i top = _mm256_srlv_epi32(_mm256_i32gather_epi32((const int *)base, top_at, 1), shift);
        __m256i low_row = _mm256_srlv_epi32(_mm256_i32gather_epi32((const int *)base, bottom_at, 1), shift);
        __m256 a = _mm256_cvtepi32_ps(_mm256_and_si256(top, byte));
        __m256 b = _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(top, 8), byte));
        __m256 c = _mm256_cvtepi32_ps(_mm256_and_si256(low_row, byte));
        __m256 d = _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(low_row, 8), byte));
        __m256 upper = _mm256_fmadd_ps(fx, _mm256_sub_ps(b, a), a);
        __m256 lower = _mm256_fmadd_ps(fx, _mm256_sub_ps(d, c), c);
        sum = _mm256_add_ps(sum, _mm256_fmadd_ps(fy, _mm256_sub_ps(lower, upper), upper));
      }
    }
    __m256 value = _mm256_fmadd_ps(sum, _mm256_set1_ps(scale * inverse * inverse), _mm256_set1_ps(offset));
    value = _mm256_min_ps(_mm256_max_ps(value, _mm256_set1_ps(low)), _mm256_set1_ps(high));
    if (i + 8 <= count) {
      _mm256_storeu_ps(out + i, value);
    } else {
      float rest[8];
      _mm256_storeu_ps(rest, value);
      for (int k = 0; i + k < count; k++) out[i + k] = rest[k];
    }
  }
}
#endif

void ferd_pixel_warp_row(
    int isa, const uint8_t *base, ptrdiff_t bytes_per_row, int width, int height, float x, float y, float ax, float ay,
    float bx, float by, int samples, int count, float scale, float offset, float low, float high, float *out) {
#if defined(__x86_64__)
  /* Offsets inside the picture are 32-bit in a gather. */
  ptrdiff_t reach = (ptrdiff_t)height * (bytes_per_row < 0 ? -bytes_per_row : bytes_per_row);
  if (isa == FERD_PIXEL_AVX2 && width >= 4 && reach < INT32_MAX) {
    warp_row_avx2(
        base, bytes_per_row, width, height, x, y, ax, ay, bx, by, samples, count, scale, offset, low, high, out);
    return;
  }
#endif
  warp_row_from(
      0, base, bytes_per_row, width, height, x, y, ax, ay, bx, by, samples, count, scale, offset, low, high, out);
}

/* ---- Every second sample ---- */

static void every_second_from(int i, const uint8_t *row, int first, int count, uint8_t *out) {
  for (; i < count; i++) out[i] = row[2 * (ptrdiff_t)i + first];
}

#if defined(__x86_64__)
FERD_AVX2 static void every_second_avx2(const uint8_t *row, int first, int count, uint8_t *out) {
  const __m256i low_bytes = _mm256_set1_epi16(0xFF);
  int i = 0;
  for (; i + 32 <= count; i += 32) {
    __m256i a = _mm256_loadu_si256((const __m256i *)(row + 2 * (ptrdiff_t)i));
    __m256i b = _mm256_loadu_si256((const __m256i *)(row + 2 * (ptrdiff_t)i + 32));
    a = first ? _mm256_srli_epi16(a, 8) : _mm256_and_si256(a, low_bytes);
    b = first ? _mm256_srli_epi16(b, 8) : _mm256_and_si256(b, low_bytes);
    /* Packing works within halves of 128 bits and leaves their quarters as a, b, a, b. */
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xD8);
    _mm256_storeu_si256((__m256i *)(out + i), packed);
  }
  every_second_from(i, row, first, count, out);
}
#endif

void ferd_pixel_every_second(int isa, const uint8_t *row, int first, int count, uint8_t *out) {
#if defined(__x86_64__)
  if (isa == FERD_PIXEL_AVX2) {
    every_second_avx2(row, first, count, out);
    return;
  }
#endif
  every_second_from(0, row, first, count, out);
}
