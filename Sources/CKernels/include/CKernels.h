#ifndef FERD_CKERNELS_H
#define FERD_CKERNELS_H

#include "activation_kernels.h"
#include "amx_kernels.h"
#include "augmentation_kernels.h"
#include "bias_kernels.h"
#include "convolution_kernels.h"
#include "file_kernels.h"
#include "pixel_kernels.h"
#include "tensor_kernels.h"
#include "winograd_kernels.h"

#endif
