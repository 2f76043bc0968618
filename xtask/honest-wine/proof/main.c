#include "proof.h"

char self[MAX_PATH], base_dir[MAX_PATH], user_sid[256], event[64];

static void set_up(void)
{
    BYTE user[256];
    HANDLE own;
    char *sid;
    DWORD n;

    GetTempPathA(sizeof base_dir - 40, base_dir);
    sprintf(base_dir + strlen(base_dir), "proof-%lx-%lx", GetCurrentProcessId(), GetTickCount());
    if (!CreateDirectoryA(base_dir, NULL)) die("directory");
    sprintf(event, "Local\\proof-event-%lx", GetCurrentProcessId());
    if (!CreateEventA(sa_of("D:(A;;GA;;;BA)"), TRUE, FALSE, event)) die("event");
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &own)) die("token");
    if (!GetTokenInformation(own, TokenUser, user, sizeof user, &n)) die("user");
    if (!ConvertSidToStringSidA(((TOKEN_USER *)user)->User.Sid, &sid)) die("sid");
    strcpy(user_sid, sid);
}

int main(int argc, char **argv)
{
    struct identities who;

    GetModuleFileNameA(NULL, self, sizeof self);
    if (argc >= 6 && !strcmp(argv[1], "client")) return client(argc, argv);

    set_up();
    who.noadmin = token_without(FALSE, 0, 0, NULL);
    who.nouser = token_without(TRUE, 0, 0, NULL);
    row("self.event", "0", "%lu", open_event(event));
    pipe_rows(&who);
    file_rows(&who);
    token_rows(&who);
    default_pipe_rows(&who);
    remove_tree(base_dir);
    return 0;
}
