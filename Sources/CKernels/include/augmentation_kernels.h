#ifndef FERD_AUGMENTATION_KERNELS_H
#define FERD_AUGMENTATION_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// What training pictures are varied with. All work in place on grey pictures of 0 (black) to 255 (white), row by row,
// and keep that range.

/// v = 255 * (v / 255)^exponent, from a table of 256 points with straight lines between them.
void ferd_augment_gamma(float *picture, size_t count, float exponent);

enum { FERD_AUGMENT_BLUR_RADIUS = 127 };

/// Gaussian blur, `deviation` in pixels and cut off at three of it or FERD_AUGMENT_BLUR_RADIUS pixels; beyond its edges
/// the picture goes on with its outermost samples. `scratch` has (height + 1) * width + 2 * FERD_AUGMENT_BLUR_RADIUS
/// values.
void ferd_augment_blur(float *picture, int width, int height, float deviation, float *scratch);

/// Adds noise of mean 0 that is nearly normal (the sum of four uniform numbers, so never beyond 3.5 deviations), the
/// same for the same seed.
void ferd_augment_noise(float *picture, size_t count, uint64_t seed, float deviation);

/// What a baseline JPEG of this quality (1 to 100, the scale and the luminance table of the Independent JPEG Group,
/// which are those of ITU-T T.81, annex K) makes of the picture: rounds to bytes, quantises the cosine transform of each
/// block of 8 x 8, transforms back and rounds again. Blocks at the right and lower edge repeat the outermost samples.
void ferd_augment_jpeg(float *picture, int width, int height, int quality);

/// Contrast-limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994) with tiles x tiles tiles, at
/// most 8 x 8: no brightness may be more than `limit` times as frequent in a tile as on average; what is above goes to
/// all brightnesses alike. Between the centres of tiles their maps are blended.
void ferd_augment_clahe(float *picture, int width, int height, int tiles, float limit);

#endif
