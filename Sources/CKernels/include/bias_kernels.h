#ifndef FERD_BIAS_KERNELS_H
#define FERD_BIAS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// What a search for bias factors evaluates. Pictures are sorted by group (their true class); group g are the pictures
// from groups[g] to groups[g + 1]. `columns` is [classes, stride]: one column of probabilities per class, in that order
// of pictures.

/// How many pictures of each group are called each class with each set of factors: the first class whose
/// probability * factor is highest.
/// - factors: [sets, classes]
/// - confusion: [sets, group_count, classes], overwritten.
void ferd_bias_confusion(
    const float *columns, size_t stride, const size_t *groups, int group_count, int classes, const float *factors,
    size_t sets, int32_t *confusion);

/// Sum over the pictures of -ln q, q = the probability of the picture's group after correction, at least 1e-12, for
/// each set: q = p^power * factor / sum. Natural logarithms of the probabilities come in `logarithms`, [classes, stride].
/// - log_factors: [sets, classes]
/// - powers: [sets], 1 / temperature.
/// - sums: [sets], overwritten.
void ferd_bias_likelihood(
    const float *logarithms, size_t stride, const size_t *groups, int group_count, int classes,
    const float *log_factors, const float *powers, size_t sets, double *sums);

/// ln sum_k exp(log_weights[k] - sum_d ((x[d] - centres[d, k]) * inverse_widths[d, k])^2 / 2) for each point x: the
/// logarithm of a mixture of normal densities without its constant.
/// - centres, inverse_widths: [dimensions, stride], the first `count` of each row are used.
/// - points: [point_count, dimensions]
/// - scratch: count values.
/// - densities: [point_count], overwritten.
void ferd_bias_mixture(
    const float *centres, const float *inverse_widths, const float *log_weights, size_t stride, size_t count,
    int dimensions, const float *points, size_t point_count, float *scratch, float *densities);

/// Draws `count` pictures with replacement, `resamples` times, and counts how many of each kind come out.
/// - kinds: [count], 0 to kind_count - 1.
/// - values: [count], what is summed over the drawn pictures; NULL = nothing.
/// - counts: [resamples, kind_count], overwritten.
/// - sums: [resamples], overwritten; not touched without `values`.
void ferd_bias_bootstrap(
    const int32_t *kinds, const double *values, size_t count, size_t kind_count, size_t resamples, uint64_t seed,
    int32_t *counts, double *sums);

#endif
