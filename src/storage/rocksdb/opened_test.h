#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "storage/rocksdb/store.h"
#include "storage/scratch_test.h"

namespace holdfast::storage {

inline std::unique_ptr<Store> must_open(const std::string& directory, RocksOptions options = {}) {
  auto store = open_rocksdb(directory, options);
  if (store) return std::move(*store);
  ADD_FAILURE() << store.error().text();
  std::abort();
}

}  // namespace holdfast::storage
