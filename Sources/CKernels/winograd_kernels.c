#include "winograd_kernels.h"

#include <immintrin.h>
#include <string.h>

// Winograd's F(4x4, 3x3), see Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016): 36 products
// give 16 results, which take 144 directly. oneDNN 2.6 has it for AVX-512 only. On few tiles reading the transformed weights
// is what takes the time; there F(2x2, 3x3), 16 products for 4 results, has less than half as many of them.
//
// Each thread works through its tiles a few at a time: it transforms the values of their patches into a matrix
// [tiles, source channels] for each place in a patch, multiplies each with the matrix of weights of that place, and
// transforms the products [tiles, result channels] back into results. A tile's channels lie next to each other all the way.

#define AVX2 __attribute__((target("avx2,fma")))
#define INLINE static inline AVX2 __attribute__((always_inline))

// A tile are `tile` x `tile` results; its patch are the values that they depend on, one more on each side.
enum { SMALL_TILE = 2, LARGE_TILE = 4, LARGEST_PATCH = LARGE_TILE + 2, LANES = 8, COLUMNS = 16, ROWS = 6 };

// The points of the large tiles' transforms are 0, ±A, ±B and infinity. With these the rounding errors are a quarter of
// those with the usual 1 and 2, and all coefficients of values and results are exact. The small ones' are 0, ±1 and
// infinity.
#define A 0.75f
#define B 1.5f

typedef __m256 lanes;

INLINE lanes all(float value) { return _mm256_set1_ps(value); }

// A row or a column of a patch, transformed.
INLINE void transform_values(const lanes *x, lanes *y, const long tile) {
  if (tile == SMALL_TILE) {
    y[0] = _mm256_sub_ps(x[2], x[0]);
    y[1] = _mm256_add_ps(x[2], x[1]);
    y[2] = _mm256_sub_ps(x[2], x[1]);
    y[3] = _mm256_sub_ps(x[3], x[1]);
    return;
  }
  y[0] = _mm256_fmadd_ps(all(A * A * B * B), x[0], _mm256_fnmadd_ps(all(A * A + B * B), x[2], x[4]));
  lanes even = _mm256_fnmadd_ps(all(B * B), x[2], x[4]);
  lanes odd = _mm256_fnmadd_ps(all(A * B * B), x[1], _mm256_mul_ps(all(A), x[3]));
  y[1] = _mm256_add_ps(even, odd);
  y[2] = _mm256_sub_ps(even, odd);
  even = _mm256_fnmadd_ps(all(A * A), x[2], x[4]);
  odd = _mm256_fnmadd_ps(all(A * A * B), x[1], _mm256_mul_ps(all(B), x[3]));
  y[3] = _mm256_add_ps(even, odd);
  y[4] = _mm256_sub_ps(even, odd);
  y[5] = _mm256_fmadd_ps(all(A * A * B * B), x[1], _mm256_fnmadd_ps(all(A * A + B * B), x[3], x[5]));
}

// The products of a row or a column, transformed into `tile` results.
INLINE void transform_products(const lanes *x, lanes *y, const long tile) {
  const lanes even = _mm256_add_ps(x[1], x[2]), odd = _mm256_sub_ps(x[1], x[2]);
  if (tile == SMALL_TILE) {
    y[0] = _mm256_add_ps(x[0], even);
    y[1] = _mm256_add_ps(x[3], odd);
    return;
  }
  const lanes far_even = _mm256_add_ps(x[3], x[4]), far_odd = _mm256_sub_ps(x[3], x[4]);
  y[0] = _mm256_add_ps(x[0], _mm256_add_ps(even, far_even));
  y[1] = _mm256_fmadd_ps(all(A), odd, _mm256_mul_ps(all(B), far_odd));
  y[2] = _mm256_fmadd_ps(all(A * A), even, _mm256_mul_ps(all(B * B), far_even));
  y[3] = _mm256_fmadd_ps(all(A * A * A), odd, _mm256_fmadd_ps(all(B * B * B), far_odd, x[5]));
}

// Where a tile lies.
struct place {
  long picture, row, column;
};

static long tiles_along(long extent, long tile) { return (extent + tile - 1) / tile; }

static long tile_count(const struct ferd_winograd *z, long tile) {
  return z->batch * tiles_along(z->height, tile) * tiles_along(z->width, tile);
}

static struct place place_of(const struct ferd_winograd *z, long index, long tile) {
  const long wide = tiles_along(z->width, tile), high = tiles_along(z->height, tile);
  return (struct place){index / (wide * high), index / wide % high * tile, index % wide * tile};
}

static long product_count(long tile) { return (tile + 2) * (tile + 2); }

// Reading a matrix of weights from memory takes about as long as multiplying it with so many tiles.
enum { TILES_FOR_WEIGHTS = 10 };

static long cost(const struct ferd_winograd *z, long tile) {
  return product_count(tile) * (tile_count(z, tile) + TILES_FOR_WEIGHTS);
}

static long tile_size(const struct ferd_winograd *z) {
  return cost(z, SMALL_TILE) < cost(z, LARGE_TILE) ? SMALL_TILE : LARGE_TILE;
}

// Tiles at a time: few, so that the matrices stay in the second-level cache; more where it is the weights that do not.
enum { FEW_TILES = 2 * ROWS, MANY_TILES = 4 * ROWS, MANY_WEIGHTS = 1 << 16 };

static long tiles_at_a_time(const struct ferd_winograd *z) {
  return z->source_channels * z->result_channels < MANY_WEIGHTS ? FEW_TILES : MANY_TILES;
}

// values: [places in a patch, room, source channels], from the row of this tile on.
INLINE void transform_patch(
    const struct ferd_winograd *z, const float *source, struct place at, float *values, const long room,
    const long tile) {
  const long patch = tile + 2;
  const long channels = z->source_channels, area = z->height * z->width;
  const long top = at.row - 1, left = at.column - 1;
  const bool is_inside = top >= 0 && left >= 0 && top + patch <= z->height && left + patch <= z->width;
  for (long block = 0; block < channels / LANES; block++) {
    const float *plane = source + (at.picture * (channels / LANES) + block) * area * LANES;
    lanes rows[LARGEST_PATCH][LARGEST_PATCH];
    for (long i = 0; i < patch; i++) {
      lanes row[LARGEST_PATCH];
      const long y = top + i;
      for (long j = 0; j < patch; j++) {
        const long x = left + j;
        row[j] = is_inside || (y >= 0 && y < z->height && x >= 0 && x < z->width)
                     ? _mm256_load_ps(plane + (y * z->width + x) * LANES)
                     : _mm256_setzero_ps();
      }
      transform_values(row, rows[i], tile);
    }
    for (long j = 0; j < patch; j++) {
      lanes column[LARGEST_PATCH], result[LARGEST_PATCH];
      for (long i = 0; i < patch; i++) column[i] = rows[i][j];
      transform_values(column, result, tile);
      for (long i = 0; i < patch; i++) {
        _mm256_store_ps(values + (i * patch + j) * room * channels + block * LANES, result[i]);
      }
    }
  }
}

// `count` rows of values [count, source channels] times weights [source channels, COLUMNS].
INLINE void multiply_rows(
    const long count, const float *values, long source_channels, const float *weights, float *products, long row) {
  lanes sums[ROWS][2];
  for (long r = 0; r < count; r++) sums[r][0] = sums[r][1] = _mm256_setzero_ps();
  for (long channel = 0; channel < source_channels; channel++) {
    const lanes first = _mm256_load_ps(weights + channel * COLUMNS);
    const lanes second = _mm256_load_ps(weights + channel * COLUMNS + LANES);
#pragma clang loop unroll(full)
    for (long r = 0; r < count; r++) {
      const lanes value = _mm256_broadcast_ss(values + r * source_channels + channel);
      sums[r][0] = _mm256_fmadd_ps(value, first, sums[r][0]);
      sums[r][1] = _mm256_fmadd_ps(value, second, sums[r][1]);
    }
  }
  for (long r = 0; r < count; r++) {
    _mm256_store_ps(products + r * row, sums[r][0]);
    _mm256_store_ps(products + r * row + LANES, sums[r][1]);
  }
}

// A number of rows that is known to the compiler keeps the sums in registers.
INLINE void multiply(
    long count, const float *values, long source_channels, const float *weights, float *products, long row) {
  for (; count >= ROWS; count -= ROWS) {
    multiply_rows(ROWS, values, source_channels, weights, products, row);
    values += ROWS * source_channels;
    products += ROWS * row;
  }
  switch (count) {
    case 5: multiply_rows(5, values, source_channels, weights, products, row); break;
    case 4: multiply_rows(4, values, source_channels, weights, products, row); break;
    case 3: multiply_rows(3, values, source_channels, weights, products, row); break;
    case 2: multiply_rows(2, values, source_channels, weights, products, row); break;
    case 1: multiply_rows(1, values, source_channels, weights, products, row); break;
  }
}

// products: [places in a patch, room, channels], of the result channels from `first` on.
INLINE void transform_result(
    const struct ferd_winograd *z, const float *products, struct place at, const long room, const long first,
    const long channels, const struct ferd_winograd_epilogue *epilogue, float *target, const long tile) {
  const long patch = tile + 2;
  const long high = z->height - at.row < tile ? z->height - at.row : tile;
  const long wide = z->width - at.column < tile ? z->width - at.column : tile;
  for (long channel = 0; channel < channels; channel += LANES) {
    lanes rows[LARGEST_PATCH][LARGE_TILE];
    for (long i = 0; i < patch; i++) {
      lanes row[LARGEST_PATCH];
      for (long j = 0; j < patch; j++) {
        row[j] = _mm256_load_ps(products + (i * patch + j) * room * channels + channel);
      }
      transform_products(row, rows[i], tile);
    }
    const lanes bias =
        epilogue->bias ? _mm256_loadu_ps(epilogue->bias + first + channel) : _mm256_setzero_ps();
    const long block = at.picture * (z->result_channels / LANES) + (first + channel) / LANES;
    float *plane = target + (block * z->height + at.row) * z->width * LANES;
    for (long j = 0; j < wide; j++) {
      lanes column[LARGEST_PATCH], results[LARGE_TILE];
      for (long i = 0; i < patch; i++) column[i] = rows[i][j];
      transform_products(column, results, tile);
      for (long i = 0; i < high; i++) {
        float *pixel = plane + (i * z->width + at.column + j) * LANES;
        lanes value = _mm256_add_ps(results[i], bias);
        if (epilogue->adds) value = _mm256_add_ps(value, _mm256_load_ps(pixel));
        if (epilogue->rectifies) value = _mm256_max_ps(value, _mm256_setzero_ps());
        _mm256_store_ps(pixel, value);
      }
    }
  }
}

// From the tile and the block of COLUMNS result channels `first_` on to those before `end_`.
struct share {
  long first_tile, end_tile, first_block, end_block;
};

// Threads share the tiles, or, where these are few, the result channels, and then each transforms all patches.
static struct share share_of(const struct ferd_winograd *z, long tile, long thread, long threads) {
  const long tiles = tile_count(z, tile), blocks = z->result_channels / COLUMNS;
  if (tiles < threads * FEW_TILES && blocks >= threads) {
    return (struct share){0, tiles, blocks * thread / threads, blocks * (thread + 1) / threads};
  }
  return (struct share){tiles * thread / threads, tiles * (thread + 1) / threads, 0, blocks};
}

INLINE void convolve(
    const struct ferd_winograd *z, const float *source, const float *transformed,
    const struct ferd_winograd_epilogue *epilogue, float *target, float *scratch, const struct share share,
    const long tile) {
  const long places = product_count(tile);
  const long source_channels = z->source_channels, room = tiles_at_a_time(z);
  const long blocks = z->result_channels / COLUMNS, channels = (share.end_block - share.first_block) * COLUMNS;
  float *values = scratch, *products = scratch + places * room * source_channels;
  // Of even sizes, so that none is left with a single tile.
  const long tiles = share.end_tile - share.first_tile, parts = (tiles + room - 1) / room;
  for (long part = 0; part < parts; part++) {
    const long start = share.first_tile + tiles * part / parts;
    const long count = share.first_tile + tiles * (part + 1) / parts - start;
    for (long t = 0; t < count; t++) {
      transform_patch(z, source, place_of(z, start + t, tile), values + t * source_channels, room, tile);
    }
    for (long place = 0; place < places; place++) {
      for (long block = share.first_block; block < share.end_block; block++) {
        multiply(
            count, values + place * room * source_channels, source_channels,
            transformed + (place * blocks + block) * source_channels * COLUMNS,
            products + place * room * channels + (block - share.first_block) * COLUMNS, channels);
      }
    }
    for (long t = 0; t < count; t++) {
      transform_result(
          z, products + t * channels, place_of(z, start + t, tile), room, share.first_block * COLUMNS, channels,
          epilogue, target, tile);
    }
  }
}

AVX2 void ferd_winograd_convolve(
    const struct ferd_winograd *z, const float *source, const float *transformed,
    const struct ferd_winograd_epilogue *epilogue, float *target, float *scratch, long thread, long threads) {
  const struct share share = share_of(z, tile_size(z), thread, threads);
  if (tile_size(z) == SMALL_TILE) {
    convolve(z, source, transformed, epilogue, target, scratch, share, SMALL_TILE);
  } else {
    convolve(z, source, transformed, epilogue, target, scratch, share, LARGE_TILE);
  }
}

size_t ferd_winograd_scratch_count(const struct ferd_winograd *z) {
  return (size_t)(product_count(tile_size(z)) * tiles_at_a_time(z) * (z->source_channels + z->result_channels));
}

size_t ferd_winograd_weights_count(const struct ferd_winograd *z) {
  return (size_t)(product_count(tile_size(z)) * z->source_channels * z->result_channels);
}

// What the kernels' rows and columns are multiplied with: a row for each point, and one for infinity.
static void make_matrix(long tile, double matrix[LARGEST_PATCH][3]) {
  const double points[2][LARGEST_PATCH - 1] = {{0, 1, -1}, {0, A, -A, B, -B}};
  const double *all_points = points[tile == LARGE_TILE];
  for (long i = 0; i < tile + 1; i++) {
    double scale = 1;
    for (long j = 0; j < tile + 1; j++) {
      if (j != i) scale /= all_points[i] - all_points[j];
    }
    matrix[i][0] = scale;
    matrix[i][1] = scale * all_points[i];
    matrix[i][2] = scale * all_points[i] * all_points[i];
  }
  matrix[tile + 1][0] = matrix[tile + 1][1] = 0;
  matrix[tile + 1][2] = 1;
}

// Nine values for each of COLUMNS results, transformed or back.
typedef double kernels[LARGEST_PATCH][LARGEST_PATCH][COLUMNS];

// Left and right are multiplied with a matrix [rows, columns], or with its transpose.
INLINE void transform_kernels(
    const double matrix[LARGEST_PATCH][3], const kernels from, kernels to, const long patch, const bool is_back) {
  const long inner = is_back ? patch : 3, outer = is_back ? 3 : patch;
  kernels half;
  for (long i = 0; i < outer; i++) {
    for (long j = 0; j < inner; j++) {
      double sum[COLUMNS] = {0};
      for (long k = 0; k < inner; k++) {
        const double factor = is_back ? matrix[k][i] : matrix[i][k];
        for (long lane = 0; lane < COLUMNS; lane++) sum[lane] += factor * from[k][j][lane];
      }
      memcpy(half[i][j], sum, sizeof sum);
    }
  }
  for (long i = 0; i < outer; i++) {
    for (long j = 0; j < outer; j++) {
      double sum[COLUMNS] = {0};
      for (long k = 0; k < inner; k++) {
        const double factor = is_back ? matrix[k][j] : matrix[j][k];
        for (long lane = 0; lane < COLUMNS; lane++) sum[lane] += factor * half[i][k][lane];
      }
      memcpy(to[i][j], sum, sizeof sum);
    }
  }
}

INLINE void transform_weights(
    const struct ferd_winograd *z, const float *weights, const bool is_mirrored, float *transformed, const long patch) {
  const long blocks = z->result_channels / COLUMNS;
  double matrix[LARGEST_PATCH][3];
  make_matrix(patch - 2, matrix);
  for (long block = 0; block < blocks; block++) {
    for (long channel = 0; channel < z->source_channels; channel++) {
      kernels dense, result;
      for (long lane = 0; lane < COLUMNS; lane++) {
        const long target = block * COLUMNS + lane;
        const float *kernel =
            weights + (is_mirrored ? channel * z->result_channels + target : target * z->source_channels + channel) * 9;
        for (long k = 0; k < 9; k++) dense[k / 3][k % 3][lane] = kernel[is_mirrored ? 8 - k : k];
      }
      transform_kernels(matrix, dense, result, patch, false);
      for (long place = 0; place < patch * patch; place++) {
        float *row = transformed + ((place * blocks + block) * z->source_channels + channel) * COLUMNS;
        for (long lane = 0; lane < COLUMNS; lane++) row[lane] = (float)result[place / patch][place % patch][lane];
      }
    }
  }
}

AVX2 void ferd_winograd_weights(
    const struct ferd_winograd *z, const float *weights, bool is_mirrored, float *transformed) {
  if (tile_size(z) == SMALL_TILE) {
    transform_weights(z, weights, is_mirrored, transformed, SMALL_TILE + 2);
  } else {
    transform_weights(z, weights, is_mirrored, transformed, LARGE_TILE + 2);
  }
}

// The gradient of the results of a row or a column, turned into that of its products.
INLINE void transform_gradient(const lanes *x, lanes *y, const long tile) {
  y[0] = x[0];
  if (tile == SMALL_TILE) {
    y[1] = _mm256_add_ps(x[0], x[1]);
    y[2] = _mm256_sub_ps(x[0], x[1]);
    y[3] = x[1];
    return;
  }
  lanes even = _mm256_fmadd_ps(all(A * A), x[2], x[0]);
  lanes odd = _mm256_fmadd_ps(all(A * A * A), x[3], _mm256_mul_ps(all(A), x[1]));
  y[1] = _mm256_add_ps(even, odd);
  y[2] = _mm256_sub_ps(even, odd);
  even = _mm256_fmadd_ps(all(B * B), x[2], x[0]);
  odd = _mm256_fmadd_ps(all(B * B * B), x[3], _mm256_mul_ps(all(B), x[1]));
  y[3] = _mm256_add_ps(even, odd);
  y[4] = _mm256_sub_ps(even, odd);
  y[5] = x[3];
}

// products: [places in a patch, room, channels], from the row of this tile on; of the result channels from `first` on.
INLINE void transform_result_gradient(
    const struct ferd_winograd *z, const float *gradient, struct place at, float *products, const long room,
    const long first, const long channels, const long tile) {
  const long patch = tile + 2;
  const long high = z->height - at.row < tile ? z->height - at.row : tile;
  const long wide = z->width - at.column < tile ? z->width - at.column : tile;
  for (long channel = 0; channel < channels; channel += LANES) {
    const long block = at.picture * (z->result_channels / LANES) + (first + channel) / LANES;
    const float *plane = gradient + ((block * z->height + at.row) * z->width + at.column) * LANES;
    lanes rows[LARGE_TILE][LARGEST_PATCH];
    for (long i = 0; i < tile; i++) {
      lanes row[LARGE_TILE];
      for (long j = 0; j < tile; j++) {
        row[j] = i < high && j < wide ? _mm256_load_ps(plane + (i * z->width + j) * LANES) : _mm256_setzero_ps();
      }
      transform_gradient(row, rows[i], tile);
    }
    for (long j = 0; j < patch; j++) {
      lanes column[LARGE_TILE], result[LARGEST_PATCH];
      for (long i = 0; i < tile; i++) column[i] = rows[i][j];
      transform_gradient(column, result, tile);
      for (long i = 0; i < patch; i++) {
        _mm256_store_ps(products + (i * patch + j) * room * channels + channel, result[i]);
      }
    }
  }
}

// sums [count, COLUMNS] += values [tiles, source channels], `count` of them, transposed, times products [tiles, row].
INLINE void correlate_rows(
    const long count, long tiles, const float *values, long source_channels, const float *products, long row,
    float *sums) {
  lanes local[ROWS][2];
  for (long r = 0; r < count; r++) {
    local[r][0] = _mm256_load_ps(sums + r * COLUMNS);
    local[r][1] = _mm256_load_ps(sums + r * COLUMNS + LANES);
  }
  for (long t = 0; t < tiles; t++) {
    const lanes first = _mm256_load_ps(products + t * row);
    const lanes second = _mm256_load_ps(products + t * row + LANES);
#pragma clang loop unroll(full)
    for (long r = 0; r < count; r++) {
      const lanes value = _mm256_broadcast_ss(values + t * source_channels + r);
      local[r][0] = _mm256_fmadd_ps(value, first, local[r][0]);
      local[r][1] = _mm256_fmadd_ps(value, second, local[r][1]);
    }
  }
  for (long r = 0; r < count; r++) {
    _mm256_store_ps(sums + r * COLUMNS, local[r][0]);
    _mm256_store_ps(sums + r * COLUMNS + LANES, local[r][1]);
  }
}

INLINE void correlate(
    long tiles, const float *values, long source_channels, const float *products, long row, float *sums) {
  long channel = 0;
  for (; channel + ROWS <= source_channels; channel += ROWS) {
    correlate_rows(ROWS, tiles, values + channel, source_channels, products, row, sums + channel * COLUMNS);
  }
  // Channels come in eights.
  for (; channel < source_channels; channel += 2) {
    correlate_rows(2, tiles, values + channel, source_channels, products, row, sums + channel * COLUMNS);
  }
}

// Many tiles at a time, as all the sums are read and written each time.
enum { TILES_IN_GRADIENT = 96 };

INLINE void correlate_all(
    const struct ferd_winograd *z, const float *source, const float *gradient, float *weights, float *scratch,
    long first_block, long end_block, const long tile) {
  const long patch = tile + 2, places = product_count(tile), room = TILES_IN_GRADIENT;
  const long source_channels = z->source_channels, blocks = end_block - first_block, channels = blocks * COLUMNS;
  float *values = scratch, *products = values + places * room * source_channels;
  float *sums = products + places * room * channels;
  memset(sums, 0, (size_t)(places * source_channels * channels) * sizeof *sums);
  const long tiles = tile_count(z, tile);
  for (long start = 0; start < tiles; start += room) {
    const long count = tiles - start < room ? tiles - start : room;
    for (long t = 0; t < count; t++) {
      const struct place at = place_of(z, start + t, tile);
      transform_patch(z, source, at, values + t * source_channels, room, tile);
      transform_result_gradient(
          z, gradient, at, products + t * channels, room, first_block * COLUMNS, channels, tile);
    }
    for (long place = 0; place < places; place++) {
      for (long block = 0; block < blocks; block++) {
        correlate(
            count, values + place * room * source_channels, source_channels,
            products + place * room * channels + block * COLUMNS, channels,
            sums + (place * blocks + block) * source_channels * COLUMNS);
      }
    }
  }
  double matrix[LARGEST_PATCH][3];
  make_matrix(tile, matrix);
  for (long block = 0; block < blocks; block++) {
    for (long channel = 0; channel < source_channels; channel++) {
      kernels transformed, dense;
      for (long place = 0; place < places; place++) {
        const float *row = sums + ((place * blocks + block) * source_channels + channel) * COLUMNS;
        for (long lane = 0; lane < COLUMNS; lane++) transformed[place / patch][place % patch][lane] = row[lane];
      }
      transform_kernels(matrix, transformed, dense, patch, true);
      for (long lane = 0; lane < COLUMNS; lane++) {
        float *kernel = weights + (((first_block + block) * COLUMNS + lane) * source_channels + channel) * 9;
        for (long k = 0; k < 9; k++) kernel[k] += (float)dense[k / 3][k % 3][lane];
      }
    }
  }
}

AVX2 void ferd_winograd_add_weights_gradient(
    const struct ferd_winograd *z, const float *source, const float *result_gradient, float *weights, float *scratch,
    long thread, long threads) {
  const long blocks = z->result_channels / COLUMNS;
  const long first = blocks * thread / threads, end = blocks * (thread + 1) / threads;
  if (first == end) return;
  if (tile_size(z) == SMALL_TILE) {
    correlate_all(z, source, result_gradient, weights, scratch, first, end, SMALL_TILE);
  } else {
    correlate_all(z, source, result_gradient, weights, scratch, first, end, LARGE_TILE);
  }
}

size_t ferd_winograd_gradient_scratch_count(const struct ferd_winograd *z) {
  return (size_t)(product_count(tile_size(z)) *
                  (TILES_IN_GRADIENT * (z->source_channels + z->result_channels) +
                   z->source_channels * z->result_channels));
}

bool ferd_has_winograd_kernels(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
