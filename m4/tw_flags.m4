dnl SPDX-License-Identifier: Apache-2.0
dnl Compiler flags of the project. Each is probed, so that gcc and clang both build.

AC_DEFUN([TW_TRY_CFLAG], [
  AS_VAR_PUSHDEF([tw_cv], [tw_cv_cflag_$1])
  AC_CACHE_CHECK([whether $CC accepts $1], [tw_cv], [
    tw_saved="$CFLAGS"; CFLAGS="$CFLAGS -Wformat -Werror $1"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([tw_cv], [yes])], [AS_VAR_SET([tw_cv], [no])])
    CFLAGS="$tw_saved"])
  AS_VAR_IF([tw_cv], [yes], [$2="$$2 $1"])
  AS_VAR_POPDEF([tw_cv])
])

AC_DEFUN([TW_WARNINGS], [
  TW_CFLAGS="-std=gnu17 -fno-common"
  m4_foreach_w([tw_flag], [-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wmissing-declarations -Wold-style-definition -Wpointer-arith -Wcast-align -Wcast-qual
    -Wwrite-strings -Wundef -Wformat=2 -Wformat-signedness -Wvla -Wfloat-equal -Wswitch-enum
    -Wimplicit-fallthrough -Wdouble-promotion -Wnull-dereference -Wduplicated-cond
    -Wduplicated-branches -Wlogical-op -Wconversion -Wno-sign-conversion
    -Werror=implicit-function-declaration -Werror=incompatible-pointer-types
    -Werror=int-conversion -Werror=return-type -Werror=format-security],
    [TW_TRY_CFLAG(tw_flag, [TW_CFLAGS])])
  AS_IF([test "x$enable_werror" = xyes], [TW_CFLAGS="$TW_CFLAGS -Werror"])
  AC_SUBST([TW_CFLAGS])
])

AC_DEFUN([TW_SANITIZERS], [
  TW_LDFLAGS=""
  AS_CASE([$enable_sanitizers], [yes], [enable_sanitizers=address,undefined])
  AS_IF([test "x$enable_sanitizers" != x && test "x$enable_sanitizers" != xno], [
    tw_san="-fsanitize=$enable_sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer"
    tw_saved="$CFLAGS"; CFLAGS="$CFLAGS $tw_san"
    AC_MSG_CHECKING([whether $CC links with -fsanitize=$enable_sanitizers])
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
      [AC_MSG_RESULT([no]); AC_MSG_ERROR([the compiler cannot link with these sanitizers])])
    CFLAGS="$tw_saved"
    TW_CFLAGS="$TW_CFLAGS $tw_san"; TW_LDFLAGS="$TW_LDFLAGS $tw_san"])
  AS_IF([test "x$enable_coverage" = xyes], [
    TW_CFLAGS="$TW_CFLAGS --coverage -O0"; TW_LDFLAGS="$TW_LDFLAGS --coverage"])
  AS_IF([test "x$enable_fuzzing" = xyes], [
    TW_CFLAGS="$TW_CFLAGS -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
    TW_LDFLAGS="$TW_LDFLAGS -fsanitize=address,undefined"])
  AC_SUBST([TW_LDFLAGS])
])

AC_DEFUN([TW_HARDENING], [
  AS_IF([test "x$enable_hardening" != xno && test "x$enable_sanitizers" = x \
         && test "x$enable_fuzzing" = x && test "x$enable_coverage" = x], [
    TW_CFLAGS="$TW_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"
    m4_foreach_w([tw_flag], [-fstack-protector-strong -fstack-clash-protection -fcf-protection],
      [TW_TRY_CFLAG(tw_flag, [TW_CFLAGS])])
    TW_LDFLAGS="$TW_LDFLAGS -Wl,-z,relro,-z,now,-z,noexecstack"])
])
