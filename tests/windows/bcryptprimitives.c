/* The one function of Windows' bcryptprimitives.dll that Rust's library calls, for versions of Wine that have none (Debian 12's 8.0). */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID bytes, ULONG count);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count) {
    return SystemFunction036(bytes, (ULONG)count);
}
