#ifndef FERD_CDNNL_SHIM_H
#define FERD_CDNNL_SHIM_H

#include <oneapi/dnnl/dnnl.h>

// The OpenMP runtime that oneDNN runs on; its header is not on clang's path.
extern void omp_set_num_threads(int threads);

#endif
