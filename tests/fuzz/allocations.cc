#include "tests/fuzz/allocations.h"

// The sanitizers bring an allocator of their own, which tells of what it gives. Elsewhere malloc,
// on which new stands too, is ours here, in front of the C library's.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#include <sanitizer/allocator_interface.h>
#else
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
}
#endif

namespace jangada::fuzz {
namespace {

thread_local bool watching = false;
thread_local size_t taken = 0;

void Note(size_t bytes) {
  if (watching) taken += bytes;
}

}  // namespace

AllocationWatch::AllocationWatch() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static const int installed = __sanitizer_install_malloc_and_free_hooks(
      [](const volatile void*, size_t size) { Note(size); }, [](const volatile void*) {});
  (void)installed;
#endif
  taken = 0;
  watching = true;
}

AllocationWatch::~AllocationWatch() { watching = false; }

size_t AllocationWatch::bytes() const { return taken; }

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" {
void* malloc(size_t size) noexcept {
  Note(size);
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) noexcept {
  Note(count * size);
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) noexcept {
  Note(size);
  return __libc_realloc(old, size);
}
}
#endif

}  // namespace jangada::fuzz
