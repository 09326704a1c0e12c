#include "server/access_log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/clock.h"
#include "server/problem.h"

namespace holdfast::server {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view name_of(LogLevel level) {
  static constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

LogLevel level_of(unsigned status, const Error* error) {
  if (error && is_contained_run(*error)) return LogLevel::info;
  if (status == 500) return LogLevel::error;  // the others of its class are the caller's doing, or pass
  if (status == 503) return LogLevel::warn;
  return status >= 400 ? LogLevel::info : LogLevel::debug;
}

/// Is standard error the journal's own stream? $JOURNAL_STREAM names its device and inode (systemd.exec(5)); a child
/// that inherited the variable and not the stream writes elsewhere.
bool writes_to_journal() {
  const char* const named = std::getenv("JOURNAL_STREAM");
  struct stat stream {};
  return named && ::fstat(STDERR_FILENO, &stream) == 0 && named == fmt::format("{}:{}", stream.st_dev, stream.st_ino);
}

/// What journald takes off a line again and keeps as its PRIORITY, so that `journalctl -p warning` works
/// (sd-daemon(3)).
std::string_view journal_priority(LogLevel level) {
  static constexpr std::string_view kPriorities[] = {"<7>", "<6>", "<4>", "<3>"};
  return kPriorities[static_cast<std::size_t>(level)];
}

std::string now() { return to_rfc3339(SystemClock().now()); }

}  // namespace

AccessLog::AccessLog(LogLevel level)
    : to_journal_(writes_to_journal()),
      logger_(std::make_shared<spdlog::logger>("holdfast", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  logger_->set_pattern("%v");
  logger_->set_level(to_spdlog(level));
}

AccessLog::~AccessLog() = default;

void AccessLog::request(const AccessLine& line) {
  const LogLevel level = level_of(line.status, line.error);
  if (!logger_->should_log(to_spdlog(level))) return;
  std::string text = fmt::format(
      R"({{"time":"{}","level":"{}","event":"request","method":"{}","route":"{}","party":{},"status":{},"duration_us":{},"trace":"{}")",
      now(), name_of(level), line.method, line.route, json_string(line.party), line.status, line.duration.count(),
      line.trace_id);
  if (line.error) text += fmt::format(R"(,"code":"{}")", line.error->slug);
  // What is wrong with a caller's input may repeat that input; what is wrong with us may not.
  if (line.error && level == LogLevel::error) text += fmt::format(R"(,"what":{})", json_string(line.error->what));
  text += "}";
  write(level, text);
}

void AccessLog::event(LogLevel level, std::string_view name, std::string_view what) {
  if (!logger_->should_log(to_spdlog(level))) return;
  const std::string text = fmt::format(R"({{"time":"{}","level":"{}","event":{},"what":{}}})", now(), name_of(level),
                                       json_string(name), json_string(what));
  write(level, text);
}

void AccessLog::write(LogLevel level, std::string_view line) {
  logger_->log(to_spdlog(level), "{}{}", to_journal_ ? journal_priority(level) : "", line);
}

}  // namespace holdfast::server
