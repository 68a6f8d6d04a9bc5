#ifndef FERD_CDNNL_SHIM_H
#define FERD_CDNNL_SHIM_H

#include <oneapi/dnnl/dnnl.h>

// The OpenMP runtime that oneDNN runs on; its header is not on clang's path.
extern void omp_set_num_threads(int threads);
extern int omp_get_max_threads(void);

// Macros with casts are not imported into Swift.
static inline void *ferd_dnnl_memory_none(void) { return DNNL_MEMORY_NONE; }

#endif
