#include "amx_kernels.h"
#include "amx_planes.h"

// dWeights[tap] = sum over places of source[place + tap's place]^T x dResult[place]: the places are what is summed over, so
// two neighbouring ones must lie next to each other in both factors. The source becomes planes of one channel each, the
// gradient blocks [DEPTH / 2 pairs of places][COLUMNS channels][2].
//
// Products of as many places as fit into the first-level cache are added to all taps' gradients, then come the next ones.
enum { CHUNK = 10 };

// Values between the sums of two taps: not a power of two, so that they do not fall into the same sets of the cache.
enum { TAP_SIZE = 4 * ROWS * COLUMNS + 16 };

static size_t sums_size(const struct ferd_amx *z) {
  return aligned(ferd_amx_weights_count(z) / (CHANNELS * CHANNELS) * TAP_SIZE * sizeof(float));
}

// Channels 0 to 15 and 16 to 31 of two neighbouring places in pairs.
INLINE void pair(const bf16 *place, long channels, __m512i *low, __m512i *high) {
  const __m512i first = _mm512_loadu_si512(place), second = _mm512_loadu_si512(place + channels);
  const __m512i a = _mm512_unpacklo_epi16(first, second), b = _mm512_unpackhi_epi16(first, second);
  // Each quarter of 8 channels became 4 pairs in `a` and 4 in `b`.
  *low = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), b);
  *high = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), b);
}

// A matrix of 16 x 16 values of 32 bits.
INLINE void transpose(__m512i *x) {
  __m512i y[16];
  for (int i = 0; i < 16; i += 2) {
    y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    x[i] = _mm512_unpacklo_epi64(y[i], y[i + 2]);
    x[i + 1] = _mm512_unpackhi_epi64(y[i], y[i + 2]);
    x[i + 2] = _mm512_unpacklo_epi64(y[i + 1], y[i + 3]);
    x[i + 3] = _mm512_unpackhi_epi64(y[i + 1], y[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    y[i] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0x88);
    y[i + 4] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0xdd);
    y[i + 8] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0x88);
    y[i + 12] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; i++) {
    x[i] = _mm512_shuffle_i32x4(y[i], y[i + 8], 0x88);
    x[i + 8] = _mm512_shuffle_i32x4(y[i], y[i + 8], 0xdd);
  }
}

// Steps of DEPTH places in which the places of one picture's results are gone through.
static long steps_of(const struct ferd_amx *z, const struct planes *planes) {
  return divided_up(z->result_height * planes->width, DEPTH);
}

// Values between the planes of two channels: so far apart that not all fall into the same sets of the cache.
static long channel_room(const struct planes *planes) {
  const long places = planes->phases * planes->phases * place_count(planes) + PLACES_BEHIND;
  return (divided_up(places, 32) | 1) * 32;
}

struct gradient_scratch {
  // Of one thread.
  size_t planes, channels, blocks, thread;
  // Pictures at a time.
  long group;
};

static struct gradient_scratch gradient_scratch(const struct ferd_amx *z, const struct planes *planes) {
  struct gradient_scratch s;
  const size_t channels = aligned(channel_room(planes) * z->source_channels * sizeof(bf16));
  const size_t blocks = steps_of(z, planes) * DEPTH * z->result_channels * sizeof(bf16);
  s.group = minimum(z->batch, maximum(1, 2 * GROUP_SIZE / (long)(channels + blocks)));
  s.planes = aligned(maximum(values_in(planes), steps_of(z, planes) * DEPTH * z->result_channels) * sizeof(bf16));
  s.channels = channels * s.group;
  s.blocks = blocks * s.group;
  s.thread = s.planes + s.channels + s.blocks;
  return s;
}

size_t ferd_amx_gradient_scratch_size(const struct ferd_amx *z, long threads) {
  const struct planes planes = planes_of_source(z);
  return sums_size(z) + gradient_scratch(z, &planes).thread * threads;
}

// A channel's places in all planes one after the other.
INLINE void fill_channels(const struct planes *planes, const bf16 *values, bf16 *channels) {
  const long room = channel_room(planes), all = planes->channels;
  for (long place = 0; place < room; place += DEPTH) {
    // Those behind the last are read, but multiplied by zeros: they must be numbers.
    const long there = minimum(DEPTH, planes->phases * planes->phases * place_count(planes) - place);
    for (long c = 0; c < all; c += CHANNELS) {
      __m512i low[16], high[16];
      for (int i = 0; i < 16; i++) {
        if (2 * i + 1 < there) {
          pair(values + (place + 2 * i) * all + c, all, low + i, high + i);
        } else if (2 * i < there) {
          pair(values + (place + 2 * i) * all + c, 0, low + i, high + i);
        } else {
          low[i] = high[i] = _mm512_setzero_si512();
        }
      }
      transpose(low);
      transpose(high);
      for (int i = 0; i < 16; i++) {
        _mm512_storeu_si512(channels + (c + i) * room + place, low[i]);
        _mm512_storeu_si512(channels + (c + 16 + i) * room + place, high[i]);
      }
    }
  }
}

// [channels / COLUMNS][steps][DEPTH / 2][COLUMNS][2], zeros where a place has no result.
INLINE void fill_blocks(
    const struct ferd_amx *z, const struct planes *planes, const bf16 *gradient, bf16 *values, bf16 *blocks) {
  const long all = z->result_channels, steps = steps_of(z, planes);
  const struct planes results = {
      .height = z->result_height, .width = planes->width, .channels = all, .phases = 1};
  fill_plane(gradient, z->result_height, z->result_width, all, 1, 0, 0, &results, values);
  const long behind = place_count(&results);
  memset(values + behind * all, 0, (steps * DEPTH - behind) * all * sizeof(bf16));
  for (long place = 0; place < steps * DEPTH; place += 2)
    for (long c = 0; c < all; c += CHANNELS) {
      __m512i low, high;
      pair(values + place * all + c, all, &low, &high);
      bf16 *block = blocks + (c / COLUMNS * steps * DEPTH + place) * COLUMNS;
      _mm512_store_si512(block, low);
      _mm512_store_si512(block + steps * DEPTH * COLUMNS, high);
    }
}

AMX void ferd_amx_add_weights_gradient(
    const struct ferd_amx *z, const bf16 *source, const bf16 *result_gradient, float *weights, void *scratch,
    long thread, long threads) {
  const struct planes planes = planes_of_source(z);
  const struct gradient_scratch sizes = gradient_scratch(z, &planes);
  char *own = (char *)scratch + sums_size(z) + thread * sizes.thread;
  float *sums = scratch;
  bf16 *values = (bf16 *)own, *channels = (bf16 *)(own + sizes.planes);
  bf16 *blocks = (bf16 *)(own + sizes.planes + sizes.channels);
  const long room = channel_room(&planes), steps = steps_of(z, &planes);
  const long taps = z->kernel * z->kernel;
  const long source_picture = z->source_height * z->source_width * z->source_channels;
  const long result_picture = z->result_height * z->result_width * z->result_channels;
  const long channels_picture = sizes.channels / sizes.group / sizeof(bf16);
  const long blocks_picture = sizes.blocks / sizes.group / sizeof(bf16);
  const long source_parts = z->source_channels / CHANNELS, parts = source_parts * (z->result_channels / CHANNELS);
  const long first_part = parts * thread / threads, end_part = parts * (thread + 1) / threads;
  if (first_part == end_part) return;
  // Of a pair of parts: [taps][4 products][ROWS][COLUMNS].
  const long product = ROWS * COLUMNS, tap_size = TAP_SIZE, part_size = taps * tap_size;
  memset(sums + first_part * part_size, 0, (end_part - first_part) * part_size * sizeof(float));
  set_shapes(ROWS);
  for (long first = 0; first < z->batch; first += sizes.group) {
    const long count = minimum(sizes.group, z->batch - first);
    for (long n = 0; n < count; n++) {
      fill_source_planes(z, &planes, source + (first + n) * source_picture, values);
      fill_channels(&planes, values, channels + n * channels_picture);
      fill_blocks(z, &planes, result_gradient + (first + n) * result_picture, values, blocks + n * blocks_picture);
    }
    for (long step = 0; step < count * steps; step += CHUNK) {
      const long end = minimum(CHUNK, count * steps - step);
      long lefts[CHUNK], rights[CHUNK];
      for (long k = 0; k < end; k++) {
        const long n = (step + k) / steps, place = (step + k) % steps * DEPTH;
        lefts[k] = n * channels_picture + place;
        rights[k] = n * blocks_picture + place * COLUMNS;
      }
      for (long part = first_part; part < end_part; part++) {
        const bf16 *left = channels + part % source_parts * CHANNELS * room;
        const bf16 *right = blocks + part / source_parts * 2 * steps * DEPTH * COLUMNS;
        for (long tap = 0; tap < taps; tap++) {
          const long i = tap / z->kernel, j = tap % z->kernel, s = z->stride;
          const bf16 *tapped =
              left + (i % s * planes.phases + j % s) * place_count(&planes) + i / s * planes.width + j / s;
          float *sum = sums + part * part_size + tap * tap_size;
          _tile_loadd(0, sum, 64);
          _tile_loadd(1, sum + product, 64);
          _tile_loadd(2, sum + 2 * product, 64);
          _tile_loadd(3, sum + 3 * product, 64);
          for (long k = 0; k < end; k++) {
            _tile_loadd(4, tapped + lefts[k], room * sizeof(bf16));
            _tile_loadd(6, right + rights[k], 64);
            _tile_loadd(7, right + rights[k] + steps * DEPTH * COLUMNS, 64);
            _tile_loadd(5, tapped + lefts[k] + ROWS * room, room * sizeof(bf16));
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
          }
          _tile_stored(0, sum, 64);
          _tile_stored(1, sum + product, 64);
          _tile_stored(2, sum + 2 * product, 64);
          _tile_stored(3, sum + 3 * product, 64);
        }
      }
    }
  }
  _tile_release();
  for (long part = first_part; part < end_part; part++)
    for (long o = 0; o < CHANNELS; o++)
      for (long i = 0; i < CHANNELS; i++) {
        const float *sum = sums + part * part_size + (i / ROWS * 2 + o / COLUMNS) * product + i % ROWS * COLUMNS
                           + o % COLUMNS;
        const long result = part / source_parts * CHANNELS + o, channel = part % source_parts * CHANNELS + i;
        float *to = weights + (result * z->source_channels + channel) * taps;
        for (long tap = 0; tap < taps; tap++) to[tap] += sum[tap * tap_size];
      }
}
