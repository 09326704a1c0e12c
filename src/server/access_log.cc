#include "server/access_log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

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

LogLevel level_of(unsigned status) {
  if (status >= 500 && status != 501 && status != 503) return LogLevel::error;
  if (status == 503) return LogLevel::warn;
  return status >= 400 ? LogLevel::info : LogLevel::debug;
}

std::string now() { return to_rfc3339(SystemClock().now()); }

}  // namespace

AccessLog::AccessLog(LogLevel level)
    : logger_(std::make_shared<spdlog::logger>("holdfast", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  logger_->set_pattern("%v");
  logger_->set_level(to_spdlog(level));
}

AccessLog::~AccessLog() = default;

void AccessLog::request(const AccessLine& line) {
  const LogLevel level = level_of(line.status);
  if (!logger_->should_log(to_spdlog(level))) return;
  std::string text = fmt::format(
      R"({{"time":"{}","level":"{}","event":"request","method":"{}","route":"{}","party":{},"status":{},"duration_us":{},"trace":"{}")",
      now(), name_of(level), line.method, line.route, json_string(line.party), line.status, line.duration.count(),
      line.trace_id);
  if (line.error) text += fmt::format(R"(,"code":"{}")", line.error->slug);
  // What is wrong with a caller's input may repeat that input; what is wrong with us may not.
  if (line.error && level == LogLevel::error) text += fmt::format(R"(,"what":{})", json_string(line.error->what));
  text += "}";
  logger_->log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
}

void AccessLog::event(LogLevel level, std::string_view name, std::string_view what) {
  if (!logger_->should_log(to_spdlog(level))) return;
  const std::string text = fmt::format(R"({{"time":"{}","level":"{}","event":{},"what":{}}})", now(), name_of(level),
                                       json_string(name), json_string(what));
  logger_->log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace holdfast::server
