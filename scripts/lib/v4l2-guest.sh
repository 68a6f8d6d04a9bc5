#!/bin/sh
# The first and only process of the virtual machine that scripts/test-v4l2 boots. Its shell is busybox's.
# shellcheck shell=dash disable=SC3043
export PATH=/bin HOME=/tmp FERD_LOG_LEVEL=info
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
cd /tmp || exit

passed=0
failed=0

# check NAME COMMAND...
check() {
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok   $name ($(cut -d . -f 1 /proc/uptime) s)"
  else
    failed=$((failed + 1))
    echo "FAIL $name ($(cut -d . -f 1 /proc/uptime) s)"
    for file in out err; do
      [ -s "$file" ] && tail -n 8 "$file" | cut -c 1-400 | sed "s/^/  | $file: /"
    done
  fi
}

is() { [ "$1" = "$2" ]; }

# ferd ARGUMENTS... to its end; its status is in $status.
run() {
  : >out
  : >err
  timeout -s TERM 100 ferd "$@" >out 2>err
  status=$?
}

# The same in the background; its number is in $ferd.
begin() {
  : >out
  : >err
  ferd "$@" >out 2>err &
  ferd=$!
}

# await FILE PATTERN COUNT SECONDS: until so many lines match, while ferd runs. On a busy machine it may take four times as
# long.
await() {
  local ticks=$(($4 * 40))
  while [ "$(grep -c "$2" "$1")" -lt "$3" ]; do
    ticks=$((ticks - 1))
    [ $ticks -gt 0 ] || return 1
    usleep 100000
  done
}

count() { grep -c "$1" out; }

# more PATTERN COUNT SECONDS: until so many more lines match than do now.
more() { await out "$1" $(($(count "$1") + $2)) "$3"; }

# Ends ferd as a service manager would; its status is in $status, the time it took in $ended (tenths of a second).
end() {
  local start
  start=$(awk '{ print int($1 * 10) }' /proc/uptime)
  kill -TERM "$ferd" 2>/dev/null
  wait "$ferd"
  status=$?
  ended=$(($(awk '{ print int($1 * 10) }' /proc/uptime) - start))
}

# Whether every number is either a frame's or in a gap, each once, in order, and times grow.
is_complete() {
  awk '
    function number(key) {
      if (!match($0, "\"" key "\":[0-9]+")) return -1
      return substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0
    }
    /"type":"frame"/ {
      if (number("seq") != next_number || number("pts_ns") < time) { print "  | wrong: " $0; bad++ }
      next_number = number("seq") + 1
      time = number("pts_ns")
    }
    /"type":"gap"/ {
      if (number("seq_from") != next_number) { print "  | wrong: " $0; bad++ }
      next_number = number("seq_to") + 1
    }
    END { exit bad > 0 }' out
}

# Whether the last face is where it is in the picture, with the same emotion.
is_expected_face() {
  { cat /pictures/expected; grep '"track":' out | tail -n 1; } | awk '
    function number(key) {
      if (!match($0, "\"" key "\":[0-9]+")) return -1
      return substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0
    }
    function distance(a, b) { return a < b ? b - a : a - b }
    {
      match($0, /"emotion":"[a-z]*"/)
      emotion[NR] = substr($0, RSTART, RLENGTH)
      x[NR] = number("x"); y[NR] = number("y"); w[NR] = number("w"); h[NR] = number("h")
    }
    END {
      near = w[1] / 8
      exit !(NR == 2 && emotion[1] == emotion[2] && distance(x[1], x[2]) < near && distance(y[1], y[2]) < near &&
        distance(w[1], w[2]) < near && distance(h[1], h[2]) < near)
    }'
}

# control NODE NAME=VALUE...
control() {
  local node=$1
  shift
  for setting in "$@"; do v4l2-ctl -d "$node" -c "$setting"; done
}

# The second instance has the multi-planar interface only.
while read -r module; do
  options=
  [ "$module" = vivid.ko ] &&
    options="n_devs=2 multiplanar=1,2 vid_cap_nr=0,10 vid_out_nr=1,11 meta_cap_nr=2,12 meta_out_nr=3,13"
  # shellcheck disable=SC2086
  insmod "/lib/modules/$module" $options || echo "FAIL $module does not load"
done </lib/modules/order

echo "---- ferd devices"
run devices --json
check "devices ends well" is "$status" 0
check "it lists both cameras and nothing else" is "$(grep -o '"path" : "[^"]*"' out | tr -d '\n')" \
  '"path" : "/dev/video0""path" : "/dev/video10"'
for entry in '"format" : "YUYV"' '"format" : "NM12"' '"width" : 640' '"max" : 30'; do
  check "with $entry" grep -q "$entry" out
done

echo "---- what is no camera"
refused() { # STATUS TEXT ARGUMENTS...
  local wanted=$1 text=$2
  shift 2
  run "$@"
  check "ferd $*: $text" eval "is $status $wanted && grep -q '$text' err"
}
refused 69 "video output" devices /dev/video1
refused 69 "metadata" devices /dev/video2
refused 69 "not for video" devices /dev/null
refused 66 "no such camera" devices /dev/video7
refused 69 "video output" stream /dev/video1
: >out
su nobody -s /bin/sh -c "ferd devices /dev/video0" >out 2>err
status=$?
check "without permission it says what to do" eval "is $status 69 && grep -q 'usermod -aG video' err"

run annotate /dev/video0
check "annotate says which command reads cameras" eval "is $status 65 && grep -q 'ferd stream' err"

v4l2-ctl -d /dev/video0 -v width=320,height=180,pixelformat=GREY --stream-mmap >/dev/null 2>&1 &
other=$!
usleep 1500000
refused 69 "busy" stream /dev/video0
kill $other
wait $other

echo "---- faces through the loop-back"
face() { # CAPTURE OUTPUT FORMAT: pictures go into the output and come out of the camera.
  v4l2-ctl -d "$2" -o 1 >/dev/null
  v4l2-ctl -d "$1" -i 3 >/dev/null
  for node in "$1" "$2"; do v4l2-ctl -d "$node" --set-dv-bt-timings index=0 >/dev/null; done
  v4l2-ctl -d "$2" -x width=640,height=480,pixelformat="$3" >/dev/null
  v4l2-ctl -d "$1" -v width=640,height=480,pixelformat="$3" -c loop_video=1 >/dev/null
  begin stream "$1" --size 640x480 --format "$3" --detect-size 160
  await err ' opened ' 1 25
  v4l2-ctl -d "$2" --stream-out-mmap --stream-loop --stream-from="/pictures/$3" >/dev/null 2>&1 &
  shown=$!
  await out '"track":' 3 25
  end
  kill "$shown"
  wait "$shown" 2>/dev/null
  check "$1 $3: the face is found, with its emotion" is_expected_face
  check "$1 $3: every number is accounted for" is_complete
  check "$1 $3: SIGTERM ends it with a last line" eval "is $status 143 && tail -n 1 out | grep -q '\"type\":\"end\".*\"reason\":\"signal\"'"
}
for format in GREY NV12 YU12 YUYV UYVY RGB3; do face /dev/video0 /dev/video1 "$format"; done
face /dev/video10 /dev/video11 NV12

echo "---- a camera in trouble"
v4l2-ctl -d /dev/video0 -i 0 >/dev/null
begin stream /dev/video0 --size 320x180 --rate 15 --detect-size 160
await out '"type":"frame"' 3 25
# Most frames are skipped, for want of time: it takes some broken ones until one is looked at.
for attempt in $(seq 60); do
  control /dev/video0 inject_v4l2_buf_flag_error=1
  grep -q '"status":"damaged"' out && break
done
check "a picture that the driver calls broken is damaged ($attempt attempts)" grep -q '"status":"damaged"' out
control /dev/video0 inject_vidioc_qbuf_error=1
check "a buffer that the driver refuses once is offered again" more '"type":"frame"' 3 15
gaps=$(count '"type":"gap"')
control /dev/video0 percentage_of_dropped_buffers=70
await out '"type":"gap"' $((gaps + 2)) 15
check "what the driver drops is a gap" [ "$(count '"type":"gap"')" -gt $((gaps + 1)) ]
control /dev/video0 percentage_of_dropped_buffers=0
control /dev/video0 inject_fatal_streaming_error=1
check "a driver that fails is opened again" eval "await err 'failure' 1 15 && more '\"type\":\"frame\"' 3 20"
control /dev/video0 disconnect=1
check "a camera that was unplugged is opened again" eval "await err 'unplugged' 1 15 && more '\"type\":\"frame\"' 3 20"
control /dev/video0 inject_vidioc_reqbufs_error=1 inject_fatal_streaming_error=1
check "also where that fails at first" eval "await err 'get buffers' 1 15 && more '\"type\":\"frame\"' 3 20"
control /dev/video0 percentage_of_dropped_buffers=100
check "a camera that sends nothing is reported" await err 'sent nothing for 5 seconds' 1 20
end
# A second, and what an emulated processor takes to leave.
check "SIGTERM ends it in the midst of that" eval "is $status 143 && [ $ended -le 30 ] && tail -n 1 out | grep -q '\"type\":\"end\"'"
check "all of it is accounted for" is_complete
control /dev/video0 percentage_of_dropped_buffers=0

control /dev/video0 inject_vidioc_streamon_error=1
refused 69 "cannot start the camera" stream /dev/video0

echo "passed $passed, failed $failed" | sed 's/,//'
poweroff -f
