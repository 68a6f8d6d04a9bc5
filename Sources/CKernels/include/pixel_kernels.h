#ifndef FERD_PIXEL_KERNELS_H
#define FERD_PIXEL_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#endif
