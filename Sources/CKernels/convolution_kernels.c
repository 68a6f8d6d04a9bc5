#include "convolution_kernels.h"

#include <string.h>

#include "multiversion.h"

// oneDNN 2.6 has no kernel for the weights of 5x5 depthwise convolutions in blocks of channels: its reference loop takes a
// hundred times longer than this, and the way through matrix products took a quarter to a half of a training step.

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16, LARGEST = 7 };

// One block of channels; becomes as many registers as it takes.
typedef float lanes __attribute__((vector_size(64), aligned(4)));

INLINE long clamp(long value, long low, long high) { return value < low ? low : value > high ? high : value; }

// sums[k] += the row of the gradient times the row of the source that lies k to the right.
INLINE void correlate_row(
    const struct ferd_depthwise *z, const lanes *source, const lanes *gradient, lanes *sums, const long kernel) {
  const long stride = z->stride_width, padding = z->padding_width, width = z->source_width;
  // Where the whole kernel lies inside the row.
  const long first = clamp((padding + stride - 1) / stride, 0, z->result_width);
  const long room = width + padding - kernel;
  const long end = clamp(room < 0 ? 0 : room / stride + 1, first, z->result_width);
  lanes local[LARGEST];
  for (long k = 0; k < kernel; k++) local[k] = sums[k];
  for (long x = 0; x < z->result_width; x++) {
    if (x == first) x = end;
    if (x >= z->result_width) break;
    for (long k = 0; k < kernel; k++) {
      const long place = x * stride - padding + k;
      if (place >= 0 && place < width) local[k] += gradient[x] * source[place];
    }
  }
  for (long x = first; x < end; x++) {
    const lanes factor = gradient[x];
    const lanes *start = source + (x * stride - padding);
    for (long k = 0; k < kernel; k++) local[k] += factor * start[k];
  }
  for (long k = 0; k < kernel; k++) sums[k] = local[k];
}

// One block of channels of one picture.
INLINE void correlate(
    const struct ferd_depthwise *z, const lanes *source, const lanes *gradient, lanes *totals, const long kernel) {
  lanes sums[LARGEST * LARGEST];
  memset(sums, 0, sizeof sums);
  for (long y = 0; y < z->result_height; y++) {
    for (long k = 0; k < z->kernel_height; k++) {
      const long row = y * z->stride_height - z->padding_height + k;
      if (row < 0 || row >= z->source_height) continue;
      correlate_row(
          z, source + row * z->source_width, gradient + y * z->result_width, sums + k * kernel, kernel);
    }
  }
  // Each picture by itself first: long sums in f32 lose digits.
  for (long k = 0; k < z->kernel_height * kernel; k++) totals[k] += sums[k];
}

// A kernel width that is known to the compiler keeps the sums in registers.
INLINE void correlate_any(
    const struct ferd_depthwise *z, const lanes *source, const lanes *gradient, lanes *totals) {
  switch (z->kernel_width) {
    case 3: correlate(z, source, gradient, totals, 3); break;
    case 5: correlate(z, source, gradient, totals, 5); break;
    default: correlate(z, source, gradient, totals, z->kernel_width); break;
  }
}

INLINE void add_block(const struct ferd_depthwise *z, const lanes *totals, long block, float *weights) {
  const long area = z->kernel_height * z->kernel_width;
  for (long lane = 0; lane < LANES && block * LANES + lane < z->channels; lane++) {
    float *target = weights + (block * LANES + lane) * area;
    for (long k = 0; k < area; k++) target[k] += totals[k][lane];
  }
}

MULTIVERSION void ferd_depthwise_weights_f32(
    const struct ferd_depthwise *z, const float *source, const float *result_gradient, float *weights) {
  const long blocks = (z->channels + LANES - 1) / LANES;
  const long source_area = z->source_height * z->source_width, area = z->result_height * z->result_width;
  for (long block = 0; block < blocks; block++) {
    lanes totals[LARGEST * LARGEST];
    memset(totals, 0, sizeof totals);
    for (long n = 0; n < z->batch; n++) {
      const long index = n * blocks + block;
      correlate_any(
          z, (const lanes *)source + index * source_area, (const lanes *)result_gradient + index * area, totals);
    }
    add_block(z, totals, block, weights);
  }
}

INLINE void widen(const uint16_t *source, float *target, long count) {
  for (long i = 0; i < count; i++) {
    const uint32_t bits = (uint32_t)source[i] << 16;
    memcpy(target + i, &bits, 4);
  }
}

MULTIVERSION void ferd_depthwise_weights_bf16(
    const struct ferd_depthwise *z, const uint16_t *source, const uint16_t *result_gradient, float *weights,
    float *scratch) {
  const long blocks = (z->channels + LANES - 1) / LANES;
  const long source_count = z->source_height * z->source_width * LANES;
  const long count = z->result_height * z->result_width * LANES;
  for (long block = 0; block < blocks; block++) {
    lanes totals[LARGEST * LARGEST];
    memset(totals, 0, sizeof totals);
    for (long n = 0; n < z->batch; n++) {
      const long index = n * blocks + block;
      widen(source + index * source_count, scratch, source_count);
      widen(result_gradient + index * count, scratch + source_count, count);
      correlate_any(z, (const lanes *)scratch, (const lanes *)(scratch + source_count), totals);
    }
    add_block(z, totals, block, weights);
  }
}
