#pragma once

#include <condition_variable>
#include <fstream>
#include <future>
#include <iterator>

#include "sealed/pool.h"

namespace holdfast::sealed::testing {

inline Bytes bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline Hash name_of(char c) {
  Hash out;
  out.bytes.fill(static_cast<unsigned char>(c));
  return out;
}

inline PoolOptions options_of(const std::string& program) {
  PoolOptions out;
  out.program = program;
  out.shape = {8, 1u << 16, 1u << 14, 4096};
  out.worker.memory_bytes_max = 16u << 20;
  out.required_layers = ring::kSeccomp;  // so that machines with less can run the tests, too
  return out;
}

inline Request request_of(Bytes input) {
  Request out;
  out.input = std::move(input);
  out.seed.fill(7);
  out.time_ns = 1'700'000'000'123'456'789;
  out.run_max = std::chrono::seconds(2);
  out.output_bytes_max = 1u << 14;
  return out;
}

inline std::future<Result<Answer>> start(Pool& pool, const Hash& module, Request request) {
  auto promise = std::make_shared<std::promise<Result<Answer>>>();
  auto out = promise->get_future();
  pool.submit(module, std::move(request), [promise](Result<Answer> answer) { promise->set_value(std::move(answer)); });
  return out;
}

inline Result<Answer> run(Pool& pool, const Hash& module, Bytes input) {
  return start(pool, module, request_of(std::move(input))).get();
}

}  // namespace holdfast::sealed::testing
