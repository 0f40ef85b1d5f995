// Scratch memory, aligned to a cache line and freed with its owner. Not inline, see isa.h.
#pragma once

#include <cstddef>

namespace fastrnn {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes);  // throws std::bad_alloc
  ~Buffer();
  Buffer(Buffer&& other) noexcept : data_(other.data_) { other.data_ = nullptr; }
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  char* bytes() const { return static_cast<char*>(data_); }

  // The same memory without an owner, for arrays that Python owns.
  static void* allocate(std::size_t bytes);  // throws std::bad_alloc
  static void release(void* data);

 private:
  void* data_ = nullptr;
};

// Lays parts out one after the other: once with no memory, to learn the size, then in a Buffer.
class Layout {
 public:
  explicit Layout(char* base = nullptr) : base_(base) {}
  // `count` elements of U, starting on a cache line. Null while only measuring.
  template <class U>
  U* take(std::size_t count) {
    U* part = base_ ? reinterpret_cast<U*>(base_ + size_) : nullptr;
    size_ += (count * sizeof(U) + 63) / 64 * 64;
    return part;
  }
  std::size_t size() const { return size_; }

 private:
  char* base_;
  std::size_t size_ = 0;
};

}  // namespace fastrnn
