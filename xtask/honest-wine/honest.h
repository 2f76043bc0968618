/* What the edited files of the server share, and what preload.c and the server tell each other.
 *
 * The installed ntdll.so is not edited. What it drops on the way to the server travels in places of its
 * requests that are otherwise unused, where preload.c puts it. */
#ifndef HONEST_H
#define HONEST_H

/* A client's quality of service, in the sharing word of its request to open a pipe. */
#define HONEST_SQOS_PRESENT     0x80000000u
#define HONEST_SQOS_EFFECTIVE   0x08000000u
#define HONEST_SQOS_DYNAMIC     0x04000000u
#define HONEST_SQOS_LEVEL_SHIFT 24
#define HONEST_SQOS_LEVEL(x)    (((x) >> HONEST_SQOS_LEVEL_SHIFT) & 3)

/* S-1-22357-1: in a request to filter a token, what follows this SID among the groups to disable are
 * restricting SIDs. Nothing else has that authority. */
#define HONEST_RESTRICT_AUTHORITY { 0, 0, 0, 0, 0x57, 0x55 }

/* As which_sid of get_token_sid: the length that is replied is the attributes of the token's user. */
#define HONEST_USER_ATTRIBUTES  (0x10000 + TokenUser)

/* As attr_mask of get_token_groups: the groups are the restricting SIDs. */
#define HONEST_RESTRICTING_SIDS 0xffffffff

#ifdef __WINE_SERVER_OBJECT_H

/* token.c: the level as which a token may be used; a primary one may be used for everything. */
extern int honest_token_level( struct token *token );
/* token.c: takes out for good what is switched off. */
extern void honest_make_effective( struct token *token );
extern const struct sid *honest_token_user( struct token *token );
/* token.c: what the calling thread may do to a file that has this complete descriptor. */
extern unsigned int honest_file_rights( const struct security_descriptor *sd );
/* token.c: 0 and an error if the calling thread acts as somebody whom it may only identify. */
extern int honest_level_ok(void);
/* token.c: 0 and an error if the calling thread may not name this owner of a file. */
extern int honest_owner_ok( const struct sid *owner );

/* file.c: the descriptor that is kept with the file, or NULL. */
extern struct security_descriptor *honest_get_sd( struct object *obj, int unix_fd );
/* file.c: 1: done; 0: failed; -1: to be done as always. */
extern int honest_set_sd( struct object *obj, int unix_fd, const struct security_descriptor *sd,
                          unsigned int set_info );
/* file.c: whether this open file has a descriptor of its own. */
extern int honest_has_sd( struct object *obj );
/* file.c: 0 and an error if the handle of a file with a descriptor has not the right. */
extern int honest_handle_allows( obj_handle_t handle, struct object *obj, unsigned int right );
/* file.c: 0 and an error if the calling thread may not put something under this name. */
extern int honest_may_put( const char *name, int is_dir );
/* file.c: the access of a new handle, of which MAXIMUM_ALLOWED may have been asked. */
extern unsigned int honest_handle_access( struct object *obj, unsigned int access );

#endif
#endif
