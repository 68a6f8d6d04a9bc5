#ifndef FERD_AMX_PLANES_H
#define FERD_AMX_PLANES_H

#include <immintrin.h>
#include <string.h>

#include "amx_kernels.h"

// What the kernels for matrix registers share: the registers' shapes, and pictures with their borders.

#define AMX __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512bf16")))
#define INLINE static inline AMX __attribute__((always_inline))

typedef uint16_t bf16;

enum {
  // Of a matrix register: rows, pairs of channels in a row of the left factor, columns of a product.
  ROWS = 16,
  DEPTH = 32,
  COLUMNS = 16,
  // Channels that a step takes of either kind.
  CHANNELS = 32,
  // Values of a block of weights: DEPTH source channels and CHANNELS result channels.
  BLOCK = DEPTH * CHANNELS,
  LARGEST_KERNEL = 7,
  // What a group of pictures' planes may take in bytes, of a second-level cache of 1 MiB and more.
  GROUP_SIZE = 256 << 10,
};

static long minimum(long a, long b) { return a < b ? a : b; }
static long maximum(long a, long b) { return a > b ? a : b; }
static long divided_up(long a, long b) { return (a + b - 1) / b; }
static size_t aligned(size_t size) { return (size + 63) & ~(size_t)63; }

struct __attribute__((packed, aligned(64))) shapes {
  uint8_t palette, start_row;
  uint8_t reserved[14];
  uint16_t row_size[16];
  uint8_t rows[16];
};

// Registers 0 to 3 hold products, 4 and 5 left factors, 6 and 7 right ones.
INLINE void set_shapes(long left_rows) {
  struct shapes shapes = {.palette = 1};
  for (int i = 0; i < 8; i++) {
    shapes.row_size[i] = 64;
    shapes.rows[i] = i < 6 ? left_rows : DEPTH / 2;
  }
  _tile_loadconfig(&shapes);
}

// MARK: Planes

// What the taps of a kernel read: planes of [height, width] places, each with `channels` values.
struct planes {
  long height, width, channels;
  // Along each axis.
  long phases;
};

static long place_count(const struct planes *planes) { return planes->height * planes->width; }

// Places behind the last plane that are read, but make no result.
enum { PLACES_BEHIND = 2 * ROWS + LARGEST_KERNEL };

static long values_in(const struct planes *planes) {
  return (planes->phases * planes->phases * place_count(planes) + PLACES_BEHIND) * planes->channels;
}

static struct planes planes_of_source(const struct ferd_amx *z) {
  const long reach = (z->kernel - 1) / z->stride;
  return (struct planes){
      .height = z->result_height + reach,
      .width = z->result_width + reach,
      .channels = z->source_channels,
      .phases = minimum(z->kernel, z->stride)};
}

// Of a picture those places whose pixels are `stride` apart; place (0, 0) of plane (a, b) is pixel (a, b) - border.
INLINE void fill_plane(
    const bf16 *picture, long height, long width, long channels, long stride, long top, long left,
    const struct planes *planes, bf16 *plane) {
  const size_t pixel = channels * sizeof(bf16);
  for (long i = 0; i < planes->height; i++) {
    bf16 *row = plane + i * planes->width * channels;
    const long y = i * stride + top;
    if (y < 0 || y >= height) {
      memset(row, 0, planes->width * pixel);
      continue;
    }
    const bf16 *pixels = picture + y * width * channels;
    if (stride == 1) {
      const long before = maximum(0, -left), inside = minimum(planes->width - before, width);
      memset(row, 0, before * pixel);
      memcpy(row + before * channels, pixels + (before + left) * channels, inside * pixel);
      memset(row + (before + inside) * channels, 0, (planes->width - before - inside) * pixel);
      continue;
    }
    for (long j = 0; j < planes->width; j++) {
      const long x = j * stride + left;
      bf16 *to = row + j * channels;
      const bf16 *from = pixels + x * channels;
      const bool is_inside = x >= 0 && x < width;
      for (long c = 0; c < channels; c += 32)
        _mm512_storeu_si512(to + c, is_inside ? _mm512_loadu_si512(from + c) : _mm512_setzero_si512());
    }
  }
}

// All planes of a picture, one after the other.
INLINE void fill_source_planes(
    const struct ferd_amx *z, const struct planes *planes, const bf16 *picture, bf16 *values) {
  const long plane = place_count(planes) * planes->channels;
  for (long a = 0; a < planes->phases; a++)
    for (long b = 0; b < planes->phases; b++)
      fill_plane(
          picture, z->source_height, z->source_width, z->source_channels, z->stride, a - z->padding, b - z->padding,
          planes, values + (a * planes->phases + b) * plane);
}

#endif
