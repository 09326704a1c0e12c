#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "server/config.h"
#include "server/exchange.h"
#include "server/metrics.h"

namespace holdfast::server {

/// What the handlers work with; outlives every request.
struct Service {
  const Config& config;
  trustee::Trustee& trustee;
  Metrics& metrics;
};

/// Who may ask.
enum class Audience : std::uint8_t {
  anyone_plain,  ///< anyone, also over plain HTTP: what is signed anyway
  anyone,        ///< anyone, over TLS
  certificate,   ///< whoever has a certificate that names a party or a subject
};

using Handler = Task<void> (*)(Service&, Exchange&);

/// A route with what answers it.
struct Operation {
  Route route;
  Audience audience = Audience::certificate;
  Handler handler = nullptr;
};

/// One file a group.
std::vector<Operation> flow_routes();
std::vector<Operation> collection_routes();
std::vector<Operation> subject_routes();
std::vector<Operation> governing_routes();
std::vector<Operation> module_routes();
std::vector<Operation> module_log_routes();
std::vector<Operation> job_routes();
std::vector<Operation> evidence_routes();
std::vector<Operation> health_routes();

/// docs/openapi.yaml, embedded by the build.
std::string_view openapi_document();

inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kNdjson = "application/x-ndjson";
inline constexpr std::string_view kCsv = "text/csv";
inline constexpr std::string_view kText = "text/plain; charset=utf-8";

}  // namespace holdfast::server
