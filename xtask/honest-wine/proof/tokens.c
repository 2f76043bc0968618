/* J: restricted tokens. */
#include "proof.h"

static DWORD access_check(HANDLE imp, const char *sddl, DWORD access)
{
    GENERIC_MAPPING map = { FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS };
    PRIVILEGE_SET ps;
    DWORD n = sizeof ps, granted = 0;
    BOOL ok = FALSE;
    if (!AccessCheck(sd_of(sddl), imp, access, &map, &ps, &n, &granted, &ok)) return 10000 + GetLastError();
    return ok ? 0 : GetLastError();
}

static DWORD user_attributes(HANDLE tok)
{
    BYTE buf[256];
    DWORD n;

    if (!GetTokenInformation(tok, TokenUser, buf, sizeof buf, &n)) return 10000 + GetLastError();
    return ((TOKEN_USER *)buf)->User.Attributes;
}

static DWORD restricting_count(HANDLE tok)
{
    BYTE buf[2048];
    DWORD n;

    if (!GetTokenInformation(tok, TokenRestrictedSids, buf, sizeof buf, &n)) return 10000 + GetLastError();
    return ((TOKEN_GROUPS *)buf)->GroupCount;
}

static void deny_only_rows(const struct identities *who)
{
    HANDLE noadmin = to_thread_token(who->noadmin), nouser = to_thread_token(who->nouser), self_tok, imp;

    OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &self_tok);
    imp = to_thread_token(self_tok);
    row("J1.user_attrs.full", "0", "%lx", user_attributes(self_tok));
    row("J2.user_attrs.noadmin", "0", "%lx", user_attributes(who->noadmin));
    row("J3.user_attrs.nouser", "10", "%lx", user_attributes(who->nouser));
    row("J4.user_attrs.nouser_dup", "10", "%lx", user_attributes(nouser));
    row("J5.check.user.full", "0", "%lu", access_check(imp, "O:SYG:SYD:(A;;FA;;;%s)", FILE_READ_DATA));
    row("J6.check.user.nouser", "5", "%lu", access_check(nouser, "O:SYG:SYD:(A;;FA;;;%s)", FILE_READ_DATA));
    row("J7.check.deny_user.nouser", "5", "%lu", access_check(nouser, "O:SYG:SYD:(D;;0x1;;;%s)(A;;FA;;;WD)", FILE_READ_DATA));
    row("J8.check.deny_ba.noadmin", "5", "%lu", access_check(noadmin, "O:SYG:SYD:(D;;0x1;;;BA)(A;;FA;;;WD)", FILE_READ_DATA));
    row("J9.check.owner.nouser", "5", "%lu", access_check(nouser, "O:%sG:SYD:(A;;0x1;;;WD)", WRITE_DAC));
    row("J10.check.owner.noadmin", "0", "%lu", access_check(noadmin, "O:%sG:SYD:(A;;0x1;;;WD)", WRITE_DAC));
    row("J10a.check.owner_delete", "5", "%lu", access_check(noadmin, "O:%sG:SYD:(A;;0x1;;;WD)", DELETE));
}

static void object_rows(const struct identities *who)
{
    HANDLE noadmin = to_thread_token(who->noadmin), nouser = to_thread_token(who->nouser), user_event, mutex, h;
    char name[80], mutex_name[80];

    sprintf(mutex_name, "%s-mutex", event);
    sprintf(name, "%s-user", event);
    user_event = CreateEventA(sa_of("D:(A;;GA;;;%s)"), TRUE, FALSE, name);
    mutex = CreateMutexA(sa_of("D:(A;;GA;;;BA)"), FALSE, mutex_name);
    ImpersonateLoggedOnUser(noadmin);
    h = OpenMutexA(SYNCHRONIZE, FALSE, mutex_name);
    row("J10b.mutex.noadmin.wait", "5", "%lu", ERR(h));
    if (h) CloseHandle(h);
    row("J11.event.noadmin", "0", "%lu", open_event(name));
    ImpersonateLoggedOnUser(nouser);
    row("J12.event.nouser", "5", "%lu", open_event(name));
    RevertToSelf();
    CloseHandle(user_event);
    CloseHandle(mutex);
}

static void privilege_rows(void)
{
    HANDLE bare;
    BYTE buf[2048];
    DWORD n;

    bare = token_without(FALSE, DISABLE_MAX_PRIVILEGE, 0, NULL);
    GetTokenInformation(bare, TokenPrivileges, buf, sizeof buf, &n);
    row("J13.max_privilege.count", "1", "%lu", ((TOKEN_PRIVILEGES *)buf)->PrivilegeCount);
}

static void restricting_rows(HANDLE noadmin)
{
    BYTE world[SECURITY_MAX_SID_SIZE];
    DWORD n = sizeof world;
    SID_AND_ATTRIBUTES list = { (PSID)world, 0 };
    HANDLE only, imp;

    CreateWellKnownSid(WinWorldSid, NULL, (PSID)world, &n);
    only = token_without(FALSE, 0, 1, &list);
    row("J14.is_restricted.noadmin", "0", "%d", IsTokenRestricted(noadmin));
    row("J15.is_restricted.only_wd", "1", "%d", IsTokenRestricted(only));
    row("J16.restricted.count", "1", "%lu", restricting_count(only));
    imp = to_thread_token(only);
    row("J17.check.user.only_wd", "5", "%lu", access_check(imp, "O:SYG:SYD:(A;;FA;;;%s)", FILE_READ_DATA));
    row("J18.check.wd.only_wd", "0", "%lu", access_check(imp, "O:SYG:SYD:(A;;FA;;;WD)", FILE_READ_DATA));
    ImpersonateLoggedOnUser(imp);
    row("J19.file.user.only_wd", "5", "%lu", file_open(in(base_dir, "user"), GENERIC_READ, OPEN_EXISTING));
    row("J20.file.everyone.only_wd", "0", "%lu", file_open(in(base_dir, "everyone"), GENERIC_READ, OPEN_EXISTING));
    row("J21.event.ba.only_wd", "5", "%lu", open_event(event));
    RevertToSelf();
}

void token_rows(const struct identities *who)
{
    deny_only_rows(who);
    object_rows(who);
    privilege_rows();
    restricting_rows(who->noadmin);
}
