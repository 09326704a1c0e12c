#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace holdfast {

/// What kind of failure it was; chooses the HTTP status and the exit code.
enum class Code {
  invalid,          ///< the caller's input is wrong; the same call will fail again        (400)
  unauthenticated,  ///< nobody we know                                                    (401)
  refused,          ///< the agreement does not allow it                                   (403)
  not_found,        ///< no such subject, record, entry                                    (404)
  conflict,         ///< version or idempotency key does not match what is there           (409, 412)
  exhausted,        ///< a limit or a bound is reached; `retry_after_s` may say when       (429, 413)
  corrupt,          ///< stored or fetched bytes are not what they must be                 (500)
  unavailable,      ///< storage, lease or peer is not there now; trying again may help    (503)
  unsupported,      ///< declared, but not available in this version                       (501)
  internal,         ///< a fault of ours                                                   (500)
};

/// A failure that can be shown to whoever asked: it never holds record data or key material.
struct Error {
  Code code = Code::internal;
  std::string_view slug;  ///< stable, documented, machine-readable: always a literal, "room.thing.problem"
  std::string where;      ///< file:line:column, field or resource; may be empty
  std::string what;       ///< one sentence: what is wrong and what to do about it
  int retry_after_s = 0;  ///< for exhausted and unavailable: seconds; 0 when unknown

  /// "where: what [slug]", for terminals and logs.
  std::string text() const;
};

/// A value or an Error. Never ignored silently.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

/// Makes the failing side of a Result: `return fail(Code::invalid, "note.text.control", "", "…");`
/// `slug` must be a string literal.
inline tl::unexpected<Error> fail(Code code, std::string_view slug, std::string where, std::string what,
                                  int retry_after_s = 0) {
  return tl::unexpected<Error>(Error{code, slug, std::move(where), std::move(what), retry_after_s});
}

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace holdfast

/// Broken invariants abort; outside input must never reach one.
#define HF_ASSERT(condition) ((condition) ? void() : ::holdfast::assertion_failed(#condition, __FILE__, __LINE__))

#define HF_JOIN2(a, b) a##b
#define HF_JOIN(a, b) HF_JOIN2(a, b)
#define HF_TRY_AS(name, declaration, ret, ...)                               \
  auto name = (__VA_ARGS__);                                                 \
  if (!name) ret tl::unexpected<::holdfast::Error>(std::move(name).error()); \
  declaration = std::move(*name)
#define HF_CHECK_AS(name, ret, ...) \
  if (auto name = (__VA_ARGS__); !name) ret tl::unexpected<::holdfast::Error>(std::move(name).error())

/// `HF_TRY(const auto x, call());` declares x, or returns the error. A statement, not an expression:
/// g++ 12 crashes on co_await inside a statement expression.
#define HF_TRY(declaration, ...) HF_TRY_AS(HF_JOIN(hf_result_, __COUNTER__), declaration, return, __VA_ARGS__)
/// The same inside a coroutine.
#define HF_CO_TRY(declaration, ...) HF_TRY_AS(HF_JOIN(hf_result_, __COUNTER__), declaration, co_return, __VA_ARGS__)
/// `HF_CHECK(call());` for Result<void>, and where the value is not wanted.
#define HF_CHECK(...) HF_CHECK_AS(HF_JOIN(hf_result_, __COUNTER__), return, __VA_ARGS__)
#define HF_CO_CHECK(...) HF_CHECK_AS(HF_JOIN(hf_result_, __COUNTER__), co_return, __VA_ARGS__)
