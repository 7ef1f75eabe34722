#pragma once

#include <napi.h>

namespace roi {

/// The lists of kinds by term: { class: [{ name, options: [{ name, standard, least, most }] }], box, mask }.
Napi::Value kind_lists(Napi::Env env);

}  // namespace roi
