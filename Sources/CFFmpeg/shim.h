#ifndef FERD_CFFMPEG_SHIM_H
#define FERD_CFFMPEG_SHIM_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

// Macros that Swift does not import.
static const int ferd_averror_eof = AVERROR_EOF;
static const int ferd_averror_eagain = AVERROR(EAGAIN);
static const int64_t ferd_av_nopts = AV_NOPTS_VALUE;

#endif
