#include "augmentation_kernels.h"

#include <math.h>
#include <string.h>

#include "multiversion.h"

static inline float limit_to_byte(float v) { return v > 0 ? (v < 255 ? v : 255) : 0; }

static inline int nearest_byte(float v) { return (int)(limit_to_byte(v) + 0.5f); }

static inline int clamp_index(int i, int count) { return i < 0 ? 0 : (i < count ? i : count - 1); }

/* ---- Gamma ---- */

MULTIVERSION void ferd_augment_gamma(float *picture, size_t count, float exponent) {
  float table[257];
  for (int i = 0; i < 256; i++) table[i] = 255 * powf((float)i / 255, exponent);
  table[256] = 255;
  for (size_t i = 0; i < count; i++) {
    float v = limit_to_byte(picture[i]);
    int below = (int)v;
    picture[i] = table[below] + (v - (float)below) * (table[below + 1] - table[below]);
  }
}

/* ---- Blur ---- */


MULTIVERSION void ferd_augment_blur(float *picture, int width, int height, float deviation, float *scratch) {
  if (!(deviation > 0)) return;
  float weights[FERD_AUGMENT_BLUR_RADIUS + 1];
  int radius = (int)ceilf(3 * deviation);
  if (radius > FERD_AUGMENT_BLUR_RADIUS) radius = FERD_AUGMENT_BLUR_RADIUS;
  float sum = 0;
  for (int t = 0; t <= radius; t++) {
    weights[t] = expf(-0.5f * (float)(t * t) / (deviation * deviation));
    sum += t == 0 ? weights[t] : 2 * weights[t];
  }
  for (int t = 0; t <= radius; t++) weights[t] /= sum;

  // One row with margins comes first in the scratch memory, the picture blurred along its rows behind it.
  float *padded = scratch, *half = scratch + width + 2 * radius;
  for (int y = 0; y < height; y++) {
    const float *row = picture + (ptrdiff_t)y * width;
    for (int x = 0; x < width + 2 * radius; x++) padded[x] = row[clamp_index(x - radius, width)];
    float *out = half + (ptrdiff_t)y * width;
    for (int x = 0; x < width; x++) out[x] = weights[0] * padded[x + radius];
    for (int t = 1; t <= radius; t++) {
      const float *left = padded + radius - t, *right = padded + radius + t;
      float weight = weights[t];
      for (int x = 0; x < width; x++) out[x] += weight * (left[x] + right[x]);
    }
  }
  for (int y = 0; y < height; y++) {
    float *out = picture + (ptrdiff_t)y * width;
    const float *middle = half + (ptrdiff_t)y * width;
    for (int x = 0; x < width; x++) out[x] = weights[0] * middle[x];
    for (int t = 1; t <= radius; t++) {
      const float *above = half + (ptrdiff_t)clamp_index(y - t, height) * width;
      const float *below = half + (ptrdiff_t)clamp_index(y + t, height) * width;
      float weight = weights[t];
      for (int x = 0; x < width; x++) out[x] += weight * (above[x] + below[x]);
    }
  }
}

/* ---- Noise ---- */

MULTIVERSION void ferd_augment_noise(float *picture, size_t count, uint64_t seed, float deviation) {
  // Four uniform numbers of 0 to 65535 have a sum with this mean and this standard deviation.
  const float mean = 2 * 65535, scale = deviation / 37837.227f;
  for (size_t i = 0; i < count; i++) {
    // SplitMix64's finaliser: element i of the stream that the seed names.
    uint64_t z = seed + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    uint32_t total = (uint32_t)(z & 0xFFFF) + (uint32_t)(z >> 16 & 0xFFFF) + (uint32_t)(z >> 32 & 0xFFFF)
        + (uint32_t)(z >> 48);
    picture[i] = limit_to_byte(picture[i] + ((float)(int32_t)total - mean) * scale);
  }
}

/* ---- JPEG ---- */

static const uint8_t luminance_table[64] = {
    16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,  14, 13, 16, 24, 40,  57,
    69, 56, 14, 17, 22,  29,  51,  87,  80, 62, 18, 22, 37,  56,  68,  109, 103, 77, 24, 35, 55,  64,
    81, 104, 113, 92, 49, 64,  78,  87,  103, 121, 120, 101, 72, 92, 95,  98,  112, 100, 103, 99};

// Row u, column x: the orthonormal cosine transform.
static const float cosines[8][8] = {
    {0.353553391f, 0.353553391f, 0.353553391f, 0.353553391f, 0.353553391f, 0.353553391f, 0.353553391f, 0.353553391f},
    {0.490392640f, 0.415734806f, 0.277785117f, 0.097545161f,
     -0.097545161f, -0.277785117f, -0.415734806f, -0.490392640f},
    {0.461939766f, 0.191341716f, -0.191341716f, -0.461939766f,
     -0.461939766f, -0.191341716f, 0.191341716f, 0.461939766f},
    {0.415734806f, -0.097545161f, -0.490392640f, -0.277785117f,
     0.277785117f, 0.490392640f, 0.097545161f, -0.415734806f},
    {0.353553391f, -0.353553391f, -0.353553391f, 0.353553391f,
     0.353553391f, -0.353553391f, -0.353553391f, 0.353553391f},
    {0.277785117f, -0.490392640f, 0.097545161f, 0.415734806f,
     -0.415734806f, -0.097545161f, 0.490392640f, -0.277785117f},
    {0.191341716f, -0.461939766f, 0.461939766f, -0.191341716f,
     -0.191341716f, 0.461939766f, -0.461939766f, 0.191341716f},
    {0.097545161f, -0.277785117f, 0.415734806f, -0.490392640f,
     0.490392640f, -0.415734806f, 0.277785117f, -0.097545161f},
};

static inline void multiply(const float a[8][8], const float b[8][8], float out[8][8]) {
  for (int i = 0; i < 8; i++) {
    float row[8] = {0};
    for (int k = 0; k < 8; k++) {
      for (int j = 0; j < 8; j++) row[j] += a[i][k] * b[k][j];
    }
    memcpy(out[i], row, sizeof row);
  }
}

static inline void transpose(const float a[8][8], float out[8][8]) {
  for (int i = 0; i < 8; i++) {
    for (int j = 0; j < 8; j++) out[j][i] = a[i][j];
  }
}

MULTIVERSION void ferd_augment_jpeg(float *picture, int width, int height, int quality) {
  quality = quality < 1 ? 1 : (quality > 100 ? 100 : quality);
  int percent = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  float steps[8][8], inverse_steps[8][8], transposed[8][8];
  for (int i = 0; i < 64; i++) {
    int step = (luminance_table[i] * percent + 50) / 100;
    step = step < 1 ? 1 : (step > 255 ? 255 : step);
    steps[i / 8][i % 8] = (float)step;
    inverse_steps[i / 8][i % 8] = 1 / (float)step;
  }
  transpose(cosines, transposed);

  float block[8][8], half[8][8];
  for (int top = 0; top < height; top += 8) {
    for (int left = 0; left < width; left += 8) {
      for (int y = 0; y < 8; y++) {
        const float *row = picture + (ptrdiff_t)clamp_index(top + y, height) * width;
        if (left + 8 <= width) {
          for (int x = 0; x < 8; x++) block[y][x] = (float)(nearest_byte(row[left + x]) - 128);
        } else {
          for (int x = 0; x < 8; x++) block[y][x] = (float)(nearest_byte(row[clamp_index(left + x, width)]) - 128);
        }
      }
      multiply(cosines, block, half);
      multiply(half, transposed, block);
      for (int i = 0; i < 8; i++) {
        for (int j = 0; j < 8; j++) {
          float level = block[i][j] * inverse_steps[i][j];
          block[i][j] = (float)(int)(level + (level < 0 ? -0.5f : 0.5f)) * steps[i][j];
        }
      }
      multiply(transposed, block, half);
      multiply(half, cosines, block);
      int rows = height - top < 8 ? height - top : 8, columns = width - left < 8 ? width - left : 8;
      for (int y = 0; y < rows; y++) {
        float *row = picture + (ptrdiff_t)(top + y) * width + left;
        for (int x = 0; x < columns; x++) row[x] = (float)nearest_byte(block[y][x] + 128);
      }
    }
  }
}

/* ---- CLAHE ---- */

enum { MAXIMUM_TILES = 8 };

static void equalise_tile(
    const float *picture, int width, int left, int right, int top, int bottom, float limit, float map[256]) {
  int counts[256] = {0};
  int area = (right - left) * (bottom - top);
  for (int y = top; y < bottom; y++) {
    for (int x = left; x < right; x++) counts[nearest_byte(picture[(ptrdiff_t)y * width + x])]++;
  }
  // Fractions count: a small tile has less than one sample of most brightnesses.
  float most = limit * (float)area / 256, excess = 0;
  for (int v = 0; v < 256; v++) {
    if ((float)counts[v] > most) excess += (float)counts[v] - most;
  }
  float reached = 0, spread = excess / 256, scale = 255 / (float)area;
  for (int v = 0; v < 256; v++) {
    reached += ((float)counts[v] < most ? (float)counts[v] : most) + spread;
    map[v] = limit_to_byte(reached * scale);
  }
}

void ferd_augment_clahe(float *picture, int width, int height, int tiles, float limit) {
  static _Thread_local float maps[MAXIMUM_TILES][MAXIMUM_TILES][256];
  tiles = tiles < 1 ? 1 : (tiles > MAXIMUM_TILES ? MAXIMUM_TILES : tiles);
  int columns = tiles < width ? tiles : width, rows = tiles < height ? tiles : height;
  for (int r = 0; r < rows; r++) {
    for (int c = 0; c < columns; c++) {
      equalise_tile(
          picture, width, c * width / columns, (c + 1) * width / columns, r * height / rows, (r + 1) * height / rows,
          limit, maps[r][c]);
    }
  }
  for (int y = 0; y < height; y++) {
    // Where the row lies between the centres of two rows of tiles.
    float v = ((float)y + 0.5f) * (float)rows / (float)height - 0.5f;
    int above = (int)floorf(v);
    float fy = v - (float)above;
    int below = clamp_index(above + 1, rows);
    above = clamp_index(above, rows);
    float *row = picture + (ptrdiff_t)y * width;
    for (int x = 0; x < width; x++) {
      float u = ((float)x + 0.5f) * (float)columns / (float)width - 0.5f;
      int left = (int)floorf(u);
      float fx = u - (float)left;
      int right = clamp_index(left + 1, columns);
      left = clamp_index(left, columns);
      int value = nearest_byte(row[x]);
      float upper = maps[above][left][value] + fx * (maps[above][right][value] - maps[above][left][value]);
      float lower = maps[below][left][value] + fx * (maps[below][right][value] - maps[below][left][value]);
      row[x] = upper + fy * (lower - upper);
    }
  }
}
