#include <cstdint>

#include "base/note.h"
#include "base/result.h"
#include "ledger/ledger.h"

namespace {

using namespace holdfast;

SigningKey key(const char* name, char seed) { return SigningKey::from_seed(name, std::string(32, seed)).value(); }

/// An agreement with a limit of each kind, so that each kind of spending is decoded.
std::string document() {
  const SigningKey log = key("log.example/us", 1), acme = key("acme", 2), oak = key("oak", 3), treasury = key("t", 4);
  Note note =
      Note::create("holdfast: 1\nagreement: test\nversion: 1\nsubjects: {country: US, served-by: [app]}\nlog: " +
                   log.verifier().text() + "\nparties:\n  acme: {role: operator, country: CN, key: " +
                   acme.verifier().text() + "}\n  oak: {role: trustee, country: US, key: " + oak.verifier().text() +
                   "}\n  t: {role: overseer, country: US, key: " + treasury.verifier().text() +
                   "}\n  app: {role: recipient, country: US, operated-by: oak}\n"
                   "collections:\n  profile:\n    from: [app]\n    keep: 5y\n    fields:\n"
                   "      email: {type: text, category: user.contact.email}\n"
                   "flows:\n  account:\n    to: app\n    use: essential.service\n    gives: {profile: {email: clear}}\n"
                   "    limit: 100 records per day\n"
                   "  support:\n    to: acme\n    use: essential.service.operations.support\n"
                   "    gives: {profile: {email: token}}\n    limit: 3 subjects per day\n"
                   "prohibitions:\n  - {bulk: user.contact, to: {country: CN}, at-most: 10 subjects per 2 days}\n"
                   "changes:\n  agreement: {signed-by: [operator, trustee, overseer]}\n")
          .value();
  for (const SigningKey* each : {&acme, &oak, &treasury}) note.sign(*each);
  return note.encode();
}

}  // namespace

/// A snapshot of the fold. Its digest is checked by the log; here any bytes: what is restored has a snapshot that
/// restores to the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string kDocument = document();
  const ledger::DocumentReader documents = [](ledger::DocumentKind, const Hash&) -> Result<std::string> {
    return kDocument;
  };
  const ByteView in(reinterpret_cast<const char*>(data), size);
  const auto ledger = ledger::Ledger::restore(in, documents);
  if (!ledger) return 0;
  const Bytes again = ledger->snapshot();
  const auto twice = ledger::Ledger::restore(again, documents);
  HF_ASSERT(twice && twice->snapshot() == again);
  return 0;
}
