#include "amx_kernels.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "amx_planes.h"

// Convolutions by Intel's matrix registers, see "Intel 64 and IA-32 Architectures Optimization Reference Manual", chapter 20.
// oneDNN 2.6 reaches a tenth to a third of what they can do.
//
// The source is copied once, with its border of zeros, into planes of which each tap of the kernel reads consecutive pixels:
// one plane for stride 1, one for each combination of even and odd rows and columns for stride 2. There a result for
// every place of a plane is the sum over all taps of a matrix product [places, source channels] x [source channels, result
// channels]. The few results that belong to no place of the result's picture, at the ends of rows, are thrown away.

// MARK: Processor

// A system call is needed before the first use, as the registers take much room in a thread's state.
enum { REQUEST_PERMISSION = 0x1023, MATRIX_DATA = 18 };

bool ferd_has_amx_kernels(void) {
  static int answer = -1;
  int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
  if (known < 0) {
    unsigned a, b, c, d, wide;
    const bool has = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1) && (b >> 16 & 1)
                     && (b >> 30 & 1) && (b >> 31 & 1) && __get_cpuid_count(7, 1, &wide, &b, &c, &d) && (wide >> 5 & 1);
    known = has && syscall(SYS_arch_prctl, REQUEST_PERMISSION, MATRIX_DATA) == 0;
    __atomic_store_n(&answer, known, __ATOMIC_RELAXED);
  }
  return known;
}

// MARK: Products

// What makes the results for a rectangle of places.
struct taps {
  long count;
  // Of each tap: the first place that it reads, and which block of weights is its.
  long places[LARGEST_KERNEL * LARGEST_KERNEL];
  long weights[LARGEST_KERNEL * LARGEST_KERNEL];
  // Places of results: how many rows and columns of a plane of so many columns.
  long rows, columns, width;
  // Where results go: place (i, j) to the pixel (i * step + top, j * step + left) of a picture of so many columns.
  long step, top, left, target_width;
};

// For 2 x `rows` places one after the other and CHANNELS result channels: [places, CHANNELS].
INLINE void multiply(
    const struct taps *taps, const bf16 *values, const bf16 *weights, long channels, long rows, float *products) {
  const long depth = channels / DEPTH, row = channels * sizeof(bf16);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (long tap = 0; tap < taps->count; tap++) {
    const bf16 *left = values + taps->places[tap] * channels;
    const bf16 *right = weights + taps->weights[tap] * depth * BLOCK;
    for (long k = 0; k < depth; k++, left += DEPTH, right += BLOCK) {
      _tile_loadd(6, right, 64);
      _tile_loadd(4, left, row);
      _tile_loadd(7, right + BLOCK / 2, 64);
      _tile_loadd(5, left + rows * channels, row);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  const long stride = CHANNELS * sizeof(float);
  _tile_stored(0, products, stride);
  _tile_stored(1, products + COLUMNS, stride);
  _tile_stored(2, products + rows * CHANNELS, stride);
  _tile_stored(3, products + rows * CHANNELS + COLUMNS, stride);
}

INLINE __m512 to_f32(__m256i values) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(values), 16));
}

// Stores CHANNELS results of one place.
INLINE void finish(const float *products, const float *bias, bool adds, bool rectifies, bf16 *target) {
  __m512 first = _mm512_load_ps(products), second = _mm512_load_ps(products + COLUMNS);
  if (bias) {
    first = _mm512_add_ps(first, _mm512_loadu_ps(bias));
    second = _mm512_add_ps(second, _mm512_loadu_ps(bias + COLUMNS));
  }
  if (adds) {
    first = _mm512_add_ps(first, to_f32(_mm256_loadu_si256((const __m256i *)target)));
    second = _mm512_add_ps(second, to_f32(_mm256_loadu_si256((const __m256i *)(target + COLUMNS))));
  }
  if (rectifies) {
    first = _mm512_max_ps(first, _mm512_setzero_ps());
    second = _mm512_max_ps(second, _mm512_setzero_ps());
  }
  _mm512_storeu_si512(target, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

// The results of rows `from` to `to` of one picture for CHANNELS of its `channels`.
INLINE void convolve_rows(
    const struct taps *taps, const bf16 *values, const bf16 *weights, long source_channels, long rows, long from,
    long to, const struct ferd_amx_epilogue *epilogue, const float *bias, bf16 *target, long channels,
    float *products) {
  const long end = to * taps->width;
  long i = from, j = 0;
  for (long place = from * taps->width; place < end; place += 2 * rows) {
    multiply(taps, values + place * source_channels, weights, source_channels, rows, products);
    for (long k = 0; k < minimum(2 * rows, end - place); k++) {
      if (j < taps->columns) {
        const long pixel = (i * taps->step + taps->top) * taps->target_width + j * taps->step + taps->left;
        finish(products + k * CHANNELS, bias, epilogue->adds, epilogue->rectifies, target + pixel * channels);
      }
      if (++j == taps->width) {
        j = 0;
        i++;
      }
    }
  }
}

// As few rows of a register as cover the places in as few products: a product takes as long as it has rows.
static long rows_for(long places) { return divided_up(places, 2 * divided_up(places, 2 * ROWS)); }

// Pictures whose planes fit into the cache together, so that the weights are read once for all.
static long group_size(const struct planes *planes) {
  return maximum(1, GROUP_SIZE / (long)(values_in(planes) * sizeof(bf16)));
}

// A thread's share: some pictures where there are enough, else some of what takes more room: blocks of result channels with
// their weights, or rows of the pictures.
struct share {
  long first_picture, end_picture, first_row, end_row, first_channel, end_channel;
};

static struct share share_of(
    const struct ferd_amx *z, const struct planes *planes, long rows, long channels, long thread, long threads) {
  struct share share = {0, z->batch, 0, rows, 0, channels};
  const long blocks = channels / CHANNELS;
  if (z->batch % threads == 0) {
    share.first_picture = z->batch * thread / threads;
    share.end_picture = z->batch * (thread + 1) / threads;
  } else if ((long)ferd_amx_weights_count(z) > z->batch * values_in(planes)) {
    share.first_channel = blocks * thread / threads * CHANNELS;
    share.end_channel = blocks * (thread + 1) / threads * CHANNELS;
  } else {
    share.first_row = rows * thread / threads;
    share.end_row = rows * (thread + 1) / threads;
  }
  return share;
}

static bool is_empty(struct share share) {
  return share.first_picture == share.end_picture || share.first_row == share.end_row
         || share.first_channel == share.end_channel;
}

size_t ferd_amx_weights_count(const struct ferd_amx *z) {
  return z->kernel * z->kernel * z->source_channels * z->result_channels;
}

INLINE __m512i to_bf16(__m512 values) { return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(values)); }

// [to / CHANNELS][taps][from / DEPTH][2][DEPTH / 2][COLUMNS][2]
AMX void ferd_amx_weights(const struct ferd_amx *z, const float *weights, bool is_mirrored, bf16 *ordered) {
  const long taps = z->kernel * z->kernel;
  const long from = is_mirrored ? z->result_channels : z->source_channels;
  const long to = is_mirrored ? z->source_channels : z->result_channels;
  const long from_step = is_mirrored ? z->source_channels * taps : taps;
  const long to_step = is_mirrored ? taps : z->source_channels * taps;
  const __m512i column = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i columns = _mm512_mullo_epi32(column, _mm512_set1_epi32((int)to_step));
  // Of a block of channels all taps while their weights are in the cache.
  for (long o = 0; o < to; o += CHANNELS)
    for (long i = 0; i < from; i += DEPTH)
      for (long tap = 0; tap < taps; tap++) {
        bf16 *block = ordered + (o / CHANNELS * taps + tap) * (from / DEPTH * BLOCK) + i / DEPTH * BLOCK;
        for (long half = 0; half < CHANNELS; half += COLUMNS)
          for (long k = 0; k < DEPTH; k += 2, block += 2 * COLUMNS) {
            const float *values = weights + (o + half) * to_step + (i + k) * from_step + tap;
            const __m512i even = to_bf16(_mm512_i32gather_ps(columns, values, 4));
            const __m512i odd = to_bf16(_mm512_i32gather_ps(columns, values + from_step, 4));
            _mm512_storeu_si512(block, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
          }
      }
}

static struct planes planes_of_gradient(const struct ferd_amx *z, long *before) {
  *before = (z->kernel - 1 - z->padding) / z->stride;
  const long more = *before + (z->stride - 1 + z->padding) / z->stride;
  return (struct planes){
      .height = z->result_height + more,
      .width = z->result_width + more,
      .channels = z->result_channels,
      .phases = 1};
}

static size_t planes_size(const struct planes *planes, long batch) {
  return aligned(values_in(planes) * sizeof(bf16)) * minimum(batch, group_size(planes));
}

enum { PRODUCTS_SIZE = 2 * ROWS * CHANNELS * sizeof(float) };

size_t ferd_amx_scratch_size(const struct ferd_amx *z) {
  long before;
  const struct planes source = planes_of_source(z), gradient = planes_of_gradient(z, &before);
  return PRODUCTS_SIZE + maximum(planes_size(&source, z->batch), planes_size(&gradient, z->batch));
}

AMX void ferd_amx_convolve(
    const struct ferd_amx *z, const bf16 *source, const bf16 *ordered, const struct ferd_amx_epilogue *epilogue,
    bf16 *target, void *scratch, long thread, long threads) {
  const struct planes planes = planes_of_source(z);
  const struct share share = share_of(z, &planes, z->result_height, z->result_channels, thread, threads);
  if (is_empty(share)) return;
  struct taps taps = {
      .rows = z->result_height,
      .columns = z->result_width,
      .width = planes.width,
      .step = 1,
      .target_width = z->result_width};
  for (long i = 0; i < z->kernel; i++)
    for (long j = 0; j < z->kernel; j++) {
      const long s = z->stride, plane = i % s * planes.phases + j % s;
      taps.weights[taps.count] = taps.count;
      taps.places[taps.count++] = plane * place_count(&planes) + i / s * planes.width + j / s;
    }
  const long rows = rows_for((share.end_row - share.first_row) * planes.width);
  float *products = scratch;
  bf16 *values = (bf16 *)((char *)scratch + PRODUCTS_SIZE);
  const long room = aligned(values_in(&planes) * sizeof(bf16)) / sizeof(bf16);
  const long picture = z->source_height * z->source_width * z->source_channels;
  const long result = z->result_height * z->result_width * z->result_channels;
  const long weights = z->kernel * z->kernel * z->source_channels * CHANNELS;
  set_shapes(rows);
  for (long first = share.first_picture; first < share.end_picture; first += group_size(&planes)) {
    const long count = minimum(group_size(&planes), share.end_picture - first);
    for (long n = 0; n < count; n++)
      fill_source_planes(z, &planes, source + (first + n) * picture, values + n * room);
    for (long o = share.first_channel; o < share.end_channel; o += CHANNELS)
      for (long n = 0; n < count; n++)
        convolve_rows(
            &taps, values + n * room, ordered + o / CHANNELS * weights, z->source_channels, rows, share.first_row,
            share.end_row, epilogue, epilogue->bias ? epilogue->bias + o : NULL,
            target + (first + n) * result + o, z->result_channels, products);
  }
  _tile_release();
}

// Source pixels (y, x) with the same y % stride and x % stride get their gradient by the same taps.
static struct taps taps_back(const struct ferd_amx *z, const struct planes *planes, long before, long a, long b) {
  const long s = z->stride;
  struct taps taps = {
      .rows = divided_up(z->source_height - a, s),
      .columns = divided_up(z->source_width - b, s),
      .width = planes->width,
      .step = s,
      .top = a,
      .left = b,
      .target_width = z->source_width};
  for (long i = (a + z->padding) % s; i < z->kernel; i += s)
    for (long j = (b + z->padding) % s; j < z->kernel; j += s) {
      // Exact divisions.
      const long y = before + (a + z->padding - i) / s, x = before + (b + z->padding - j) / s;
      taps.weights[taps.count] = i * z->kernel + j;
      taps.places[taps.count++] = y * planes->width + x;
    }
  return taps;
}

AMX void ferd_amx_convolve_back(
    const struct ferd_amx *z, const bf16 *result_gradient, const bf16 *ordered, bf16 *source_gradient, void *scratch,
    long thread, long threads) {
  long before;
  const struct planes planes = planes_of_gradient(z, &before);
  const struct share share =
      share_of(z, &planes, divided_up(z->source_height, z->stride), z->source_channels, thread, threads);
  if (is_empty(share)) return;
  const struct ferd_amx_epilogue epilogue = {};
  const long rows = rows_for((share.end_row - share.first_row) * planes.width);
  float *products = scratch;
  bf16 *values = (bf16 *)((char *)scratch + PRODUCTS_SIZE);
  const long room = aligned(values_in(&planes) * sizeof(bf16)) / sizeof(bf16);
  const long picture = z->result_height * z->result_width * z->result_channels;
  const long result = z->source_height * z->source_width * z->source_channels;
  const long weights = z->kernel * z->kernel * z->result_channels * CHANNELS;
  set_shapes(rows);
  for (long first = share.first_picture; first < share.end_picture; first += group_size(&planes)) {
    const long count = minimum(group_size(&planes), share.end_picture - first);
    for (long n = 0; n < count; n++)
      fill_plane(
          result_gradient + (first + n) * picture, z->result_height, z->result_width, z->result_channels, 1, -before,
          -before, &planes, values + n * room);
    for (long o = share.first_channel; o < share.end_channel; o += CHANNELS)
      for (long phase = 0; phase < z->stride * z->stride; phase++) {
        const struct taps taps = taps_back(z, &planes, before, phase / z->stride, phase % z->stride);
        for (long n = 0; n < count; n++)
          convolve_rows(
              &taps, values + n * room, ordered + o / CHANNELS * weights, z->result_channels, rows, share.first_row,
              minimum(share.end_row, taps.rows), &epilogue, NULL, source_gradient + (first + n) * result + o,
              z->source_channels, products);
      }
  }
  _tile_release();
}
