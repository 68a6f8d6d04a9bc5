#include "tensor_kernels.h"
