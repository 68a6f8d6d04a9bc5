#ifndef FERD_CZLIB_SHIM_H
#define FERD_CZLIB_SHIM_H

#include <string.h>
#include <zlib.h>

// inflateInit2 is a macro.
static inline int ferd_inflate_init_raw(z_stream *stream) {
  memset(stream, 0, sizeof *stream);
  return inflateInit2(stream, -MAX_WBITS);
}

#endif
