#pragma once

#include <rocksdb/env.h>

namespace holdfast::storage {

/// An environment that shows logs and manifests as end_logs would leave them, and is for reading alone. Lives as long
/// as the process.
rocksdb::Env* ended_logs_env(bool drop_damaged);

}  // namespace holdfast::storage
