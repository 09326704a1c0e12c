#include "trustee/modules/files.h"

#include "base/hash.h"
#include "vault/cipher.h"

namespace holdfast::trustee {
namespace {

std::string name_of(const Hash& module) { return "module/" + to_hex(module.view()); }

Bytes context_of(const Hash& module) { return "holdfast module file v1" + Bytes(module.view()); }

}  // namespace

storage::Blob ModuleFiles::sealed(const Hash& module, ByteView file) const {
  storage::Blob out{name_of(module), {}};
  vault::seal(key_, context_of(module), file, out.bytes);
  return out;
}

Result<Bytes> ModuleFiles::get(const Hash& module) const {
  const std::string name = name_of(module);
  HF_TRY(const auto blob, store_.get_blob(name));
  Bytes out;
  if (!blob || !vault::unseal(key_, context_of(module), *blob, out)) {
    return fail(Code::corrupt, "module.missing", name,
                "the file of this sealed module is not in custody, or is damaged; restore it from a backup");
  }
  return out;
}

}  // namespace holdfast::trustee
