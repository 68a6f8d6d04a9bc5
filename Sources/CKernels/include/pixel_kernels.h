#ifndef FERD_PIXEL_KERNELS_H
#define FERD_PIXEL_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Instruction sets that the pixel kernels were written for. Every kernel takes one; asking for one that the processor
   does not have is an illegal instruction, so callers start from ferd_pixel_best_isa(). */
enum { FERD_PIXEL_PORTABLE = 0, FERD_PIXEL_AVX2 = 1 };

/* The best of the above on this processor. */
int ferd_pixel_best_isa(void);

/* out[x] = sum over t < taps of weights[t] * base[t * bytes_per_row + x], for x < width. */
void ferd_pixel_sum_rows(
    int isa, const uint8_t *base, ptrdiff_t bytes_per_row, const float *weights, int taps, int width, float *out);

/* out[i] = limit(scale * (sum over t < taps of weights[i * taps + t] * row[starts[i] + t]) + offset), for i < count,
   with limit(v) = min(max(v, low), high). taps is a multiple of 4; row is readable at starts[i] ... + taps - 1. */
void ferd_pixel_filter_row(
    int isa, const float *row, const int32_t *starts, const float *weights, int taps, int count, float scale,
    float offset, float low, float high, float *out);

/* One row of an affine warp with bilinear sampling: for i < count
   out[i] = limit(scale * m + offset), m the mean of samples x samples bilinear samples of the picture at
   (x + i * ax + (q - (samples - 1) / 2) * ax / samples + (p - (samples - 1) / 2) * bx / samples, the same in y)
   for p, q < samples. Coordinates are those of sample centres: (0, 0) is the first sample itself; beyond the edges the
   picture goes on with its outermost samples. */
void ferd_pixel_warp_row(
    int isa, const uint8_t *base, ptrdiff_t bytes_per_row, int width, int height, float x, float y, float ax,
    float ay, float bx, float by, int samples, int count, float scale, float offset, float low, float high,
    float *out);

/* out[i] = row[2 * i + first] for i < count, first 0 or 1: luma from between chroma. Reads row[0] ... row[2 * count - 1] at
   most. */
void ferd_pixel_every_second(int isa, const uint8_t *row, int first, int count, uint8_t *out);

#endif
