// Scratch memory comes from a pool: what one call frees the next one finds, with its pages in
// place. Fresh pages are faulted in one by one.
#include "cpu/buffer.h"

#include <pthread.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <new>

namespace fastrnn {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kLarge = std::size_t{4} << 20;
constexpr std::size_t kKept = std::size_t{1} << 30;  // bytes that the pool may hold unused

// Blocks begin with a line that holds their size.
std::size_t& size_of(void* block) { return *static_cast<std::size_t*>(block); }

class BlockPool {
 public:
  // A block of `size` bytes or a quarter more, of a large size up to four times as much; null when
  // there is no memory. A large block that is not found takes the place of free ones: a network's
  // layers need blocks of many sizes, but not at the same time.
  void* take(std::size_t size) {
    {
      const std::scoped_lock lock(mutex_);
      const auto found = free_.lower_bound(size);
      const std::size_t most = size < kLarge ? size + size / 4 : 4 * size;
      if (found != free_.end() && found->first <= most) {
        void* block = found->second;
        kept_ -= found->first;
        free_.erase(found);
        return block;
      }
      if (size >= kLarge) shrink_locked(kept_ > size ? kept_ - size : 0);
    }
    void* block = fresh(size);
    if (block == nullptr) {
      {
        const std::scoped_lock lock(mutex_);
        shrink_locked(0);
      }
      block = fresh(size);
    }
    if (block != nullptr) size_of(block) = size;
    return block;
  }

  void give(void* block) {
    const std::size_t size = size_of(block);
    if (size <= kKept) {
      const std::scoped_lock lock(mutex_);
      shrink_locked(kKept - size);
      try {
        free_.emplace(size, block);
        kept_ += size;
        return;
      } catch (const std::bad_alloc&) {  // no memory to remember it by
      }
    }
    std::free(block);
  }

  // fork() must not catch the mutex in another thread's hands.
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  // Large blocks in huge pages where the system has them: fewer faults, fewer misses of the
  // page table's cache.
  static void* fresh(std::size_t size) {
    if (size < 2 * kHugePage) return std::aligned_alloc(kLine, size);
    void* block = std::aligned_alloc(kHugePage, (size + kHugePage - 1) / kHugePage * kHugePage);
#if defined(MADV_HUGEPAGE)
    if (block != nullptr) madvise(block, size, MADV_HUGEPAGE);
#endif
    return block;
  }

  void shrink_locked(std::size_t most) {
    while (kept_ > most) {
      const auto largest = std::prev(free_.end());
      std::free(largest->second);
      kept_ -= largest->first;
      free_.erase(largest);
    }
  }

  std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
  std::size_t kept_ = 0;
};

// Never destroyed: arrays may outlive static objects.
BlockPool& pool() {
  static BlockPool& instance = []() -> BlockPool& {
    pthread_atfork([] { pool().lock(); }, [] { pool().unlock(); }, [] { pool().unlock(); });
    alignas(BlockPool) static std::byte storage[sizeof(BlockPool)];
    return *::new (storage) BlockPool;
  }();
  return instance;
}

}  // namespace

void* Buffer::allocate(std::size_t bytes) {
  // One line for the size; one behind, since vectors may be read past the last element.
  const std::size_t size = (bytes + kLine - 1) / kLine * kLine + 2 * kLine;
  if (bytes > static_cast<std::size_t>(PTRDIFF_MAX) / 2) throw std::bad_alloc();
  void* block = pool().take(size);
  if (block == nullptr) throw std::bad_alloc();
  return static_cast<char*>(block) + kLine;
}

void Buffer::release(void* data) {
  if (data != nullptr) pool().give(static_cast<char*>(data) - kLine);
}

Buffer::Buffer(std::size_t bytes) : data_(allocate(bytes)) {}

Buffer::~Buffer() { release(data_); }

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    release(data_);
    data_ = other.data_;
    other.data_ = nullptr;
  }
  return *this;
}

}  // namespace fastrnn
