#ifndef FERD_CDNNL_SHIM_H
#define FERD_CDNNL_SHIM_H

#include <oneapi/dnnl/dnnl.h>

// The OpenMP runtime that oneDNN runs on; its header is not on clang's path, and clang compiles `#pragma omp` for another
// runtime. GOMP_parallel is what gcc makes of `#pragma omp parallel`.
extern void omp_set_num_threads(int threads);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern int omp_get_max_threads(void);
extern int omp_in_parallel(void);
extern void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);

#endif
