DROP TRIGGER user_limit_update ON app.staff;
DROP TRIGGER user_limit ON app.staff;
DROP TRIGGER room_limit_update ON app.device_rooms;
DROP TRIGGER room_limit ON app.device_rooms;
DROP TABLE app.files;
DROP FUNCTION app.check_limit();
