#ifndef FERD_MULTIVERSION_H
#define FERD_MULTIVERSION_H

// Before a function whose loops the compiler vectorises: the loader picks the best copy for the processor once.
// Not under the thread sanitizer, whose calls in the chooser would run before the sanitizer is there.
#if __has_feature(thread_sanitizer)
#define MULTIVERSION
#else
#define MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

#endif
