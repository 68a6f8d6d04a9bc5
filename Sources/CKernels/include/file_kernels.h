#ifndef FERD_FILE_KERNELS_H
#define FERD_FILE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// What is done with a model file's bytes. In C so that loading a model stays quick in debug builds too; the plain loops
// vectorise on any x86-64.

/// Widens `count` bf16 values, which may lie at any address.
void ferd_bf16_to_f32(const void *source, float *destination, size_t count);

/// Widens `count` IEEE half-precision values, which may lie at any address.
void ferd_f16_to_f32(const void *source, float *destination, size_t count);

/// Rounds `count` values to bf16, to the nearest, ties to even; NaN stays NaN.
void ferd_f32_to_bf16(const float *source, void *destination, size_t count);

/// 1 where no value is infinite or NaN.
int ferd_all_finite(const float *values, size_t count);

/// SHA-256 (FIPS 180-4) of `count` bytes into `digest[32]`.
///
/// Checksums of model files are all we need it for: a cryptography package would bring a thousand files for these few
/// lines. With the processor's own instructions where it has them: hashing the models would otherwise be half of the
/// program's start.
void ferd_sha256(const void *bytes, size_t count, uint8_t *digest);

/// The same without special instructions; the reference for tests.
void ferd_sha256_plain(const void *bytes, size_t count, uint8_t *digest);

#endif
