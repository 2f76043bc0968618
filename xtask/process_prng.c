/* bcryptprimitives.dll for a Wine that has none: the one function of it that Rust's standard library
 * calls. Source: learn.microsoft.com/windows/win32/seccng/processprng */
#include <windows.h>

/* RtlGenRandom, under the name by which advapi32.dll exports it. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
    const ULONG most = 0x10000;

    while (length)
    {
        ULONG now = length < most ? (ULONG)length : most;

        if (!SystemFunction036(data, now)) return FALSE;
        data += now;
        length -= now;
    }
    return TRUE;
}
