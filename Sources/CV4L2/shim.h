#ifndef FERD_CV4L2_SHIM_H
#define FERD_CV4L2_SHIM_H

#include <linux/mman.h>
#include <linux/videodev2.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libv4l-plugin.h>
#include <libv4lconvert.h>

// ioctl(2) and mremap(2) take a variable number of arguments, which Swift does not import.
static inline int ferd_v4l2_ioctl(int descriptor, unsigned long request, void *argument) {
  return ioctl(descriptor, request, argument);
}

static inline int ferd_v4l2_move_mapping(void *from, unsigned long size, void *to) {
  return syscall(SYS_mremap, from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == -1 ? -1 : 0;
}

// Macros that Swift does not import.
static const unsigned long ferd_vidioc_querycap = VIDIOC_QUERYCAP;
static const unsigned long ferd_vidioc_enum_fmt = VIDIOC_ENUM_FMT;
static const unsigned long ferd_vidioc_enum_framesizes = VIDIOC_ENUM_FRAMESIZES;
static const unsigned long ferd_vidioc_enum_frameintervals = VIDIOC_ENUM_FRAMEINTERVALS;
static const unsigned long ferd_vidioc_g_fmt = VIDIOC_G_FMT;
static const unsigned long ferd_vidioc_s_fmt = VIDIOC_S_FMT;
static const unsigned long ferd_vidioc_g_parm = VIDIOC_G_PARM;
static const unsigned long ferd_vidioc_s_parm = VIDIOC_S_PARM;
static const unsigned long ferd_vidioc_g_input = VIDIOC_G_INPUT;
static const unsigned long ferd_vidioc_enuminput = VIDIOC_ENUMINPUT;
static const unsigned long ferd_vidioc_reqbufs = VIDIOC_REQBUFS;
static const unsigned long ferd_vidioc_querybuf = VIDIOC_QUERYBUF;
static const unsigned long ferd_vidioc_qbuf = VIDIOC_QBUF;
static const unsigned long ferd_vidioc_dqbuf = VIDIOC_DQBUF;
static const unsigned long ferd_vidioc_streamon = VIDIOC_STREAMON;
static const unsigned long ferd_vidioc_streamoff = VIDIOC_STREAMOFF;

static const uint32_t ferd_v4l2_cap_capture = V4L2_CAP_VIDEO_CAPTURE;
static const uint32_t ferd_v4l2_cap_capture_mplane = V4L2_CAP_VIDEO_CAPTURE_MPLANE;
static const uint32_t ferd_v4l2_cap_output = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_OUTPUT_MPLANE;
static const uint32_t ferd_v4l2_cap_m2m = V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE;
static const uint32_t ferd_v4l2_cap_metadata = V4L2_CAP_META_CAPTURE | V4L2_CAP_META_OUTPUT;
static const uint32_t ferd_v4l2_cap_streaming = V4L2_CAP_STREAMING;
static const uint32_t ferd_v4l2_cap_device_caps = V4L2_CAP_DEVICE_CAPS;
static const uint32_t ferd_v4l2_cap_time_per_frame = V4L2_CAP_TIMEPERFRAME;
static const uint32_t ferd_v4l2_pix_fmt_yu12 = V4L2_PIX_FMT_YUV420;

static const uint32_t ferd_v4l2_buffer_error = V4L2_BUF_FLAG_ERROR;
static const uint32_t ferd_v4l2_timestamp_mask = V4L2_BUF_FLAG_TIMESTAMP_MASK;
static const uint32_t ferd_v4l2_timestamp_monotonic = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;

static const uint32_t ferd_v4l2_input_no_power = V4L2_IN_ST_NO_POWER;
static const uint32_t ferd_v4l2_input_no_signal =
    V4L2_IN_ST_NO_SIGNAL | V4L2_IN_ST_NO_H_LOCK | V4L2_IN_ST_NO_V_LOCK | V4L2_IN_ST_NO_STD_LOCK | V4L2_IN_ST_NO_SYNC;

#endif
