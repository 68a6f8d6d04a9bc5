#ifndef FERD_TENSOR_KERNELS_H
#define FERD_TENSOR_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#endif
