#ifndef FERD_CFFMPEG_SHIM_H
#define FERD_CFFMPEG_SHIM_H

#include <errno.h>

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
static const int ferd_averror_exit = AVERROR_EXIT;
static const int ferd_averror_invalid_data = AVERROR_INVALIDDATA;
static const int ferd_averror_no_protocol = AVERROR_PROTOCOL_NOT_FOUND;
static const int ferd_averror_http_not_found = AVERROR_HTTP_NOT_FOUND;
static const int64_t ferd_av_nopts = AV_NOPTS_VALUE;
static const int ferd_avseek_size = AVSEEK_SIZE;
static const int ferd_frame_corrupt = AV_FRAME_FLAG_CORRUPT;
static const int ferd_codec_flag_output_corrupt = AV_CODEC_FLAG_OUTPUT_CORRUPT;
static const int ferd_codec_flag_unaligned = AV_CODEC_FLAG_UNALIGNED;
static const int ferd_codec_flag_low_delay = AV_CODEC_FLAG_LOW_DELAY;
static const int ferd_codec_flag_bitexact = AV_CODEC_FLAG_BITEXACT;
static const int ferd_codec_flag_global_header = AV_CODEC_FLAG_GLOBAL_HEADER;
static const int ferd_codec_flag_interlaced = AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME;

#endif
