#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "server/config.h"

namespace spdlog {
class logger;
}

namespace holdfast::server {

/// What one line of the log tells of a request: nothing that came from a record or names a subject. The path is its
/// template, a subject is just "subject".
struct AccessLine {
  std::string_view method, route;
  std::string_view party;
  std::string_view trace_id;
  unsigned status = 0;
  std::chrono::microseconds duration{0};
  const Error* error = nullptr;
};

/// The structured log: one JSON object a line, on standard error; where that is journald, behind its priority, which
/// journald takes off again. Thread-safe.
class AccessLog {
 public:
  explicit AccessLog(LogLevel level);
  ~AccessLog();
  /// Served requests at debug, those that we failed at error (with what went wrong), refused ones and contained runs at
  /// info.
  void request(const AccessLine& line);
  /// Anything else worth a line; `what` is for people.
  void event(LogLevel level, std::string_view name, std::string_view what);

 private:
  void write(LogLevel level, std::string_view line);

  const bool to_journal_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace holdfast::server
